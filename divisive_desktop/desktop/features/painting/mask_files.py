"""Import and export of one mask from the window: dialogs here, the work in the background."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox

from divisive_desktop import privacy
from divisive_desktop.desktop.features.painting.mask_folder import FoundMask, Rule, find_masks, take_masks
from divisive_desktop.desktop.features.painting.mask_folder_page import MaskFolderPage
from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.session.wording import plural
from divisive_desktop.errors import MaskSizeError, UserFacingError
from divisive_desktop.foreign.text import in_window
from divisive_desktop.masks import ops
from divisive_desktop.masks.mask import Mask

if TYPE_CHECKING:
    from divisive_desktop.desktop.features.painting.session import PaintSession
    from divisive_desktop.desktop.session.runner import BackgroundTask
    from divisive_desktop.desktop.shell.services import Services
    from divisive_desktop.geometry import Box
    from divisive_desktop.imaging.record import ImageRecord
    from divisive_desktop.masks.formats.common import Reading
    from divisive_desktop.masks.snapshot import Snapshot

READABLE = "Masks (*.png *.npy *.nii *.nii.gz *.json *.xml *.dcm *.tif *.tiff *.bmp);;All files (*)"
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
_KEY = "mask-import"
"""Of messages about what was imported."""


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
        services.session.casebook.opened.connect(lambda _: services.messages.dismiss(_KEY))

    def _named(self, record: ImageRecord) -> Path:
        """The file that the analyst knows; the record's own may be the casebook's copy."""
        case = self._services.session.current
        return case.path if case is not None and self._services.session.record is record else record.path

    # -- import ---------------------------------------------------------------------------------------------

    def import_mask(self) -> None:
        """Ask for a mask file and take its regions; can be undone."""
        path = self._services.dialogs.ask_file("Import mask", "mask", READABLE)
        if path is not None:
            self.read(path)

    def read(self, path: Path, resample: bool = False) -> None:
        """Read a mask file in the background; another size is offered to be resampled."""
        session, record = self._session, self._session.record
        if record is None:
            return
        name = self._named(record).name

        def work(_: BackgroundTask) -> Reading:
            from divisive_desktop.imaging.apart import done_apart
            from divisive_desktop.masks.files import read_mask_file

            # Mask files fit the image's file, whatever was mended about the picture since.
            size = record.correction.inverse().size(record.width, record.height)
            uid = record.header.get("SOPInstanceUID", "")
            reading = done_apart(
                path, read_mask_file, path, size, resample=resample, image_name=name, source_uid=uid
            )
            step = record.correction
            return replace(reading, mask=reading.mask.corrected(step)) if step.moves else reading

        def done(reading: Reading) -> None:
            if session.record is record:
                self._received(path, record, reading)

        def failed(error: UserFacingError) -> None:
            if isinstance(error, MaskSizeError) and session.record is record:
                self._offer_resampling(path, error)
            else:
                self._services.messages.show_error(error)

        self._services.runner.run(work, done, failed, priority=20)

    def _offer_resampling(self, path: Path, error: MaskSizeError) -> None:
        """The mask is of another size: resample it, or leave it."""
        said = in_window(error.message)
        box = QMessageBox(QMessageBox.Icon.Question, "Import mask", said, parent=self._services.window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setInformativeText(error.remedy)
        again = box.addButton("Resample", QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.buttonClicked.connect(lambda b: self.read(path, resample=True) if b is again else None)
        box.open()

    def _received(self, path: Path, record: ImageRecord, reading: Reading) -> None:
        """Take the regions, or ask first: where some are painted already, or the file names another picture."""
        from divisive_desktop.masks.matching import same_picture

        mask = self._session.mask
        painted = sum(mask.bounds(r.id) is not None for r in mask.regions) if mask is not None else 0
        named = self._named(record)
        other = reading.picture and not same_picture(reading.picture, (named.name, record.sha256[:12]))
        if not painted and not other:
            self._take(path, record, reading, "replace")
            return
        questions = []
        if other:
            questions.append(
                f"{path.name} was drawn on “{reading.picture}”, and this case is “{redaction.file_name(named)}”."
            )
        if painted:
            regions = "a region is" if painted == 1 else f"{painted} regions are"
            questions.append(f"On this case {regions} painted already.")
        box = QMessageBox(QMessageBox.Icon.Question, "Import mask", "", parent=self._services.window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setTextFormat(Qt.TextFormat.PlainText)  # names come from files
        box.setText("\n\n".join((redaction.redacted(" ".join(questions), named), *map(in_window, reading.notes))))
        if painted:
            box.setInformativeText("Either way it can be undone.")
        add = box.addButton("Add" if painted else "Import", QMessageBox.ButtonRole.AcceptRole)
        instead = box.addButton("Replace", QMessageBox.ButtonRole.DestructiveRole) if painted else None
        cancel = box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(cancel if other else add)

        def answered(button: object) -> None:
            if button is add:
                self._take(path, record, reading, "add")
            elif button is instead and instead is not None:
                self._take(path, record, reading, "replace")

        box.buttonClicked.connect(answered)
        box.open()

    def _take(self, path: Path, record: ImageRecord, reading: Reading, how: Literal["add", "replace"]) -> None:
        session, mask = self._session, reading.mask
        if session.record is not record:
            return
        if how == "add":
            session.edit("Import mask", partial(_add_regions, mask), mask.width * mask.height)
        else:
            session.replace_mask("Import mask", mask)
        if reading.notes:
            self._services.messages.show(_KEY, "warning", f"Imported {path.name}.", " ".join(reading.notes))
        else:
            self._services.messages.dismiss(_KEY)

    # -- a folder at once -----------------------------------------------------------------------------------

    def import_folder(self) -> None:
        """Ask for a folder of mask files, and show what is in it for which case."""
        folder = self._services.dialogs.ask_folder("Import masks of a folder", "mask", remember=lambda chosen: chosen)
        if folder is not None:
            self.read_folder(folder)

    def read_folder(self, folder: Path) -> None:
        """Read a folder's mask files in the background, then show the page to check them."""
        services = self._services
        cases = [c for c in services.session.cases if c.id is not None and c.error is None]
        book = services.session.casebook

        def work(task: BackgroundTask) -> list[FoundMask]:
            def told(number: int) -> None:
                services.runner.stream(task, number)

            return find_masks(folder, cases, book.wait(), lambda: task.cancelled, told)

        def done(found: list[FoundMask]) -> None:
            services.messages.dismiss(_KEY)
            if not any(one.snapshot is not None for one in found):
                text = f"No mask in {redaction.shown_name(folder)} is for a case of this list."
                why = found[0].remark if len(found) == 1 else "Masks are found by the names of the cases' files."
                services.messages.show(_KEY, "warning", text, why)
                return
            page = MaskFolderPage(folder, found, services.window)
            page.chosen.connect(self._take_many)
            page.open()

        services.messages.show(_KEY, "info", f"Reading the masks in {redaction.shown_name(folder)}…")
        services.runner.run(
            work, done, services.messages.show_error, key="mask-folder",
            stream=lambda n: services.status.showMessage(f"{plural(n, 'mask file')} read", 2000),
        )  # fmt: skip

    def _take_many(self, found: list[FoundMask], rule: Rule) -> None:
        """Masks of other cases go to the casebook, that of the current one onto the screen, where it can be undone."""
        services, session, current = self._services, self._session, self._services.session.current
        others: list[tuple[int, Snapshot]] = []
        mine: Mask | None = None
        for one in found:
            assert one.case is not None
            assert one.snapshot is not None
            if one.case is current and session.mask is not None:
                mask = Mask.from_snapshot(one.snapshot)
                if mine is None:
                    mine = mask
                else:
                    ops.copy_regions(mine, mask)
            elif one.case.id is not None and not one.case.removed:
                others.append((one.case.id, one.snapshot))
        here = 0
        if mine is not None and session.mask is not None and (rule != "leave" or session.mask.is_empty):
            here = 1
            if rule == "replace" or session.mask.is_empty:
                session.replace_mask("Import mask", mine)
            else:
                session.edit("Import mask", partial(_add_regions, mine), mine.width * mine.height)

        def done(number: int) -> None:
            services.messages.show(_KEY, "info", f"{plural(number + here, 'mask')} imported.")

        services.session.casebook.write(lambda book: take_masks(book, others, rule), done)

    # -- export ---------------------------------------------------------------------------------------------

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
        snapshot, named = session.mask.snapshot(), self._named(record)

        def work(_: BackgroundTask) -> tuple[str, ...]:
            from divisive_desktop.imaging.corrected import corrected
            from divisive_desktop.masks.files import write_mask
            from divisive_desktop.masks.formats.common import Options

            back, drawn = record.correction.inverse(), Mask.from_snapshot(snapshot)
            in_file = corrected(record, back)  # mask files fit the image's file, whatever was mended about the picture
            spacing = (in_file.spacing.column_mm, in_file.spacing.row_mm) if in_file.spacing is not None else None
            source = record.path if record.transfer_syntax else None
            name = redaction.exported_name(named, record.sha256)
            options = Options(
                image_name=name, pixel_mm=spacing, source=source, identity=privacy.identity_shown(),
                picture=_picture(in_file) if format_id == "labelme" else b"", **settings,
            )  # fmt: skip
            notes = write_mask(path, drawn.corrected(back) if back.moves else drawn, format_id, options)
            return (*notes, "It was turned back, so that it fits the image's file.") if back.moves else notes

        def done(notes: tuple[str, ...]) -> None:
            detail = " ".join(notes) or f"In {path.parent}"
            if format_id == "labelme":
                detail += " The picture is in the file, too, so that labelme can open it."
            self._services.messages.show("export", "warning" if notes else "info", f"Saved {path.name}.", detail)

        self._services.runner.run(work, done, self._services.messages.show_error)


def _add_regions(added: Mask, present: Mask) -> Box | None:
    return ops.copy_regions(present, added)


def _picture(record: ImageRecord) -> bytes:
    """The picture as it is displayed when it is opened, as PNG."""
    import cv2

    from divisive_desktop.imaging.display import render

    shown = render(record)
    done, png = cv2.imencode(".png", shown if shown.ndim == 2 else cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))
    if not done:
        raise RuntimeError("OpenCV couldn't write the PNG")
    return png.tobytes()
