"""Import and export of masks from the window: dialogs here, the work in the background."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QFileDialog, QMessageBox

from divisive_desktop import privacy
from divisive_desktop.desktop.session import redaction
from divisive_desktop.errors import MaskSizeError, UserFacingError
from divisive_desktop.masks.mask import Mask

if TYPE_CHECKING:
    from divisive_desktop.desktop.features.painting.session import PaintSession
    from divisive_desktop.desktop.session.runner import BackgroundTask
    from divisive_desktop.desktop.shell.services import Services

READABLE = "Masks (*.png *.npy *.nii *.nii.gz *.json *.dcm *.tif *.tiff *.bmp);;All files (*)"
FILTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "PNG, 8 bit (*.png)": ("png", {"bits": 8}),
    "PNG, 1 bit (*.png)": ("png", {"bits": 1}),
    "PNG, 16 bit (*.png)": ("png", {"bits": 16}),
    "PNG label map (*.png)": ("png", {"content": "labels"}),
    "NumPy (*.npy)": ("npy", {}),
    "NIfTI (*.nii.gz)": ("nifti", {}),
    "NIfTI label map (*.nii.gz)": ("nifti", {"content": "labels"}),
    "COCO, run lengths (*.json)": ("coco", {}),
    "COCO, polygons (*.json)": ("coco", {"polygons": True}),
    "labelme (*.json)": ("labelme", {}),
    "labelme, polygons (*.json)": ("labelme", {"polygons": True}),
    "DICOM segmentation (*.dcm)": ("dicom-seg", {}),
}
"""Choice in the file dialog -> format and its options."""


class MaskFiles:
    """Import and export of the current mask.

    Parameters
    ----------
    services : Services
    session : PaintSession
        Whose mask it is.
    """

    def __init__(self, services: Services, session: PaintSession) -> None:
        self._services, self._session = services, session

    def import_mask(self) -> None:
        """Ask for a mask file and put it in place of the mask; can be undone."""
        path = self._services.dialogs.ask_file("Import mask", "mask", READABLE)
        if path is not None:
            self.read(path)

    def read(self, path: Path, resample: bool = False) -> None:
        """Read a mask file in the background; another size is offered to be resampled."""
        session, record = self._session, self._session.record
        if record is None:
            return

        def work(_: BackgroundTask) -> Mask:
            from divisive_desktop.masks.files import read_mask

            size = record.width, record.height
            uid = record.header.get("SOPInstanceUID", "")
            return read_mask(path, size, resample=resample, image_name=record.path.name, source_uid=uid)

        def done(mask: Mask) -> None:
            if session.record is record:
                session.replace_mask("Import mask", mask)

        def failed(error: UserFacingError) -> None:
            if isinstance(error, MaskSizeError) and session.record is record:
                self._offer_resampling(path, error)
            else:
                self._services.messages.show_error(error)

        self._services.runner.run(work, done, failed, priority=20)

    def _offer_resampling(self, path: Path, error: MaskSizeError) -> None:
        """The mask is of another size: resample it, or leave it."""
        box = QMessageBox(QMessageBox.Icon.Question, "Import mask", error.message, parent=self._services.window)
        box.setInformativeText(error.remedy)
        again = box.addButton("Resample", QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.buttonClicked.connect(lambda b: self.read(path, resample=True) if b is again else None)
        box.open()

    def export_mask(self) -> None:
        """Ask where to and in which format, and write the mask there."""
        record, settings = self._session.record, self._services.settings
        if record is None:
            return
        start = Path(settings.folder("mask") or record.path.parent) / f"{redaction.stem(record.path)}-mask.png"
        name, chosen = QFileDialog.getSaveFileName(
            self._services.window, "Export mask", str(start), ";;".join(FILTERS)
        )
        if name:
            settings.set_folder("mask", Path(name).parent)
            self.write(Path(name), chosen)

    def write(self, path: Path, chosen: str) -> None:
        """Write the mask in the background; says what the format couldn't keep."""
        session, record = self._session, self._session.record
        if record is None or session.mask is None:
            return
        format_id, settings = FILTERS[chosen]
        suffix = chosen.partition("*")[2].rstrip(")")
        if not path.name.lower().endswith(suffix):
            path = path.with_name(path.name.removesuffix(".png") + suffix)
        snapshot = session.mask.snapshot()

        def work(_: BackgroundTask) -> tuple[str, ...]:
            from divisive_desktop.masks.files import write_mask
            from divisive_desktop.masks.formats.common import Options

            spacing = (record.spacing.column_mm, record.spacing.row_mm) if record.spacing is not None else None
            source = record.path if record.transfer_syntax else None
            name = redaction.exported_name(record.path, record.sha256)
            options = Options(
                image_name=name, pixel_mm=spacing, source=source, identity=privacy.identity_shown(), **settings
            )
            return write_mask(path, Mask.from_snapshot(snapshot), format_id, options)

        def done(notes: tuple[str, ...]) -> None:
            detail = " ".join(notes) or f"In {path.parent}"
            self._services.messages.show("export", "warning" if notes else "info", f"Saved {path.name}.", detail)

        self._services.runner.run(work, done, self._services.messages.show_error)
