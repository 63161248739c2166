"""What the actions do when it takes more than one call: dialogs, clipboard, moving through the worklist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMessageBox

from divisive_desktop import paths, version
from divisive_desktop.desktop.session import opening, redaction
from divisive_desktop.desktop.session.case import Review
from divisive_desktop.desktop.session.opening import ExportError

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.case import Case
    from divisive_desktop.desktop.window import MainWindow

IMAGE_FILTER = "Images (*.dcm *.dicom *.png *.jpg *.jpeg *.tif *.tiff *.webp *.bmp *.gif *.jp2 *.zip);;All files (*)"


# ---- files ----------------------------------------------------------------------------------------------


def open_files(window: MainWindow) -> None:
    """Ask for files and open them."""
    names, _ = QFileDialog.getOpenFileNames(window, "Open files", window.settings.folder("open"), IMAGE_FILTER)
    if names:
        window.settings.set_folder("open", Path(names[0]).parent)
        open_given(window, [Path(n) for n in names])


def open_given(window: MainWindow, given: list[Path]) -> None:
    """Open files and folders; of a DICOM medium the patients and studies are chosen first."""
    from divisive_desktop.desktop.features.opening.series_dialog import is_medium, show_series

    media = [path for path in given if is_medium(path)]
    window.session.open_paths([path for path in given if path not in media])
    if media:
        show_series(window, media)


def open_by_patient(window: MainWindow) -> None:
    """Ask for a folder and show the patients, studies and series in it."""
    name = QFileDialog.getExistingDirectory(window, "Open by patient and study", window.settings.folder("open"))
    if name:
        from divisive_desktop.desktop.features.opening.series_dialog import show_series

        window.settings.set_folder("open", Path(name))
        show_series(window, [Path(name)])


def open_folder(window: MainWindow) -> None:
    """Ask for a folder and open all images in it."""
    name = QFileDialog.getExistingDirectory(window, "Open folder", window.settings.folder("open"))
    if name:
        window.settings.set_folder("open", Path(name))
        window.session.open_paths([Path(name)])


def open_samples(window: MainWindow) -> None:
    """Open the sample cases, or say how to get them."""
    from divisive_desktop.desktop.features.opening.samples import sample_paths

    window.runner.run(
        lambda _: sample_paths(),
        lambda found: window.session.open_paths(found, remember=False),
        lambda error: window.report(None, error),
        priority=10,
    )


def export_json(window: MainWindow) -> None:
    """Write the current case's analysis as JSON to a file that the user names."""
    case = window.session.current
    if case is None or case.analysis is None or window.session.features is None:
        return
    path = _ask_where(window, "Export JSON", f"{case.stem}.json", "JSON (*.json)")
    if path is None:
        return
    analysis, label, features = case.analysis, case.label, window.session.features
    if not window.identity_visible:
        analysis = replace(analysis, file=redaction.exported_name(case.path, analysis.sha256))
    window.runner.run(
        lambda _: opening.write_json(path, analysis, label, features),
        lambda _: window.notify("export", "info", f"Saved {path.name}.", f"In {path.parent}"),
        lambda error: window.report(None, error),
    )


def save_picture(window: MainWindow) -> None:
    """Save the panes as PNG to a file that the user names."""
    case = window.session.current
    if case is None or window.viewer is None:
        return
    picture = window.viewer.grab_picture()
    path = _ask_where(window, "Save picture", f"{case.stem}.png", "PNG (*.png)")
    if path is None:
        return

    def write() -> None:
        if not picture.save(str(path), "PNG"):
            raise ExportError(f"{path.name} could not be written.", "Choose another folder, or check free space.")

    window.runner.run(
        lambda _: write(),
        lambda _: window.notify("export", "info", f"Saved {path.name}.", f"In {path.parent}"),
        lambda error: window.report(None, error),
    )


def copy_picture(window: MainWindow) -> None:
    """Put the panes as they are on the screen on the clipboard."""
    if window.viewer is not None:
        QGuiApplication.clipboard().setImage(window.viewer.grab_picture())
        window.statusBar().showMessage("Picture copied", 3000)


def copy_path(window: MainWindow) -> None:
    if redaction.names_hidden():
        window.statusBar().showMessage(redaction.HIDDEN, 3000)
    elif window.session.current is not None:
        QGuiApplication.clipboard().setText(str(window.session.current.path))
        window.statusBar().showMessage("Path copied", 3000)


def save_log(window: MainWindow) -> None:
    """Copy the log to a file that the user names."""
    path = _ask_where(window, "Save log", "divisive-desktop.log", "Log (*.log *.txt)")
    if path is not None:
        from divisive_desktop.desktop.startup.crash import write_log

        try:
            write_log(path)
        except OSError as e:
            window.report(
                None, ExportError(f"{path.name} could not be written: {e.strerror}.", "Choose another folder.")
            )
            return
        window.notify("export", "info", f"Saved {path.name}.", f"In {path.parent}")


def _ask_where(window: MainWindow, title: str, name: str, kinds: str) -> Path | None:
    start = Path(window.settings.folder("export") or Path.home()) / name
    chosen, _ = QFileDialog.getSaveFileName(window, title, str(start), kinds)
    if not chosen:
        return None
    path = Path(chosen)
    if not path.suffix:
        path = path.with_suffix(Path(name).suffix)
    window.settings.set_folder("export", path.parent)
    return path


# ---- moving through the worklist ------------------------------------------------------------------------


def previous_case(window: MainWindow) -> None:
    window.worklist.step(-1)


def next_case(window: MainWindow) -> None:
    window.worklist.step(1)


def next_unlabelled(window: MainWindow) -> None:
    """The next case below that has no label and can be opened."""
    wanted: Callable[[Case], bool] = lambda c: c.label is None and c.error is None  # noqa: E731
    window.worklist.step(1, wanted)


def next_unreviewed(window: MainWindow) -> None:
    """The next case that isn't done; from the top of the list when there is none below."""
    wanted: Callable[[Case], bool] = lambda c: c.review in (Review.NEW, Review.OPEN) and c.error is None  # noqa: E731
    window.worklist.step(1, wanted, wrap=True)


def remove_current(window: MainWindow) -> None:
    """Move the selected cases to the trash."""
    window.session.remove(chosen(window))


def chosen(window: MainWindow) -> list[Case]:
    """The selected cases; the current one when the list doesn't show it, as a frame that is only looked at."""
    current = window.session.current
    if current is not None and current not in window.session.cases:
        return [current]
    return window.worklist.selected() or ([current] if current is not None else [])


def label(window: MainWindow, value: int | None) -> None:
    """Label the selected cases."""
    window.session.set_label(value, chosen(window))


def review(window: MainWindow, state: Review) -> None:
    """Say how far the analyst is with the selected cases."""
    window.session.set_review(state, chosen(window))


def done_and_next(window: MainWindow) -> None:
    """Mark the selected cases as done and go on."""
    review(window, Review.DONE)
    next_unreviewed(window)


def analyse_selected(window: MainWindow) -> None:
    """One case at once, several as a batch."""
    cases = chosen(window)
    if len(cases) == 1:
        window.session.analyse(cases[0])
    else:
        window.session.batch.start(cases)


def analyse_current(window: MainWindow) -> None:
    if window.session.current is not None:
        window.session.analyse(window.session.current)


def toggle_auto_analyse(window: MainWindow) -> None:
    window.settings.analyse_on_opening = not window.settings.analyse_on_opening


# ---- appearance -----------------------------------------------------------------------------------------


def toggle_scale(window: MainWindow) -> None:
    """One raw colour scale for the pair, or one for each map."""
    if window.viewer is not None:
        window.viewer.state.set_scale_mode("per-map" if window.viewer.state.scale_mode == "shared" else "shared")


def toggle_identity(window: MainWindow) -> None:
    """Show or hide what identifies the patient, everywhere."""
    window.set_identity_visible(not window.identity_visible)


def set_theme(window: MainWindow, choice: str) -> None:
    window.settings.theme = choice
    window.theme.choice = choice


def toggle_full_screen(window: MainWindow) -> None:
    if window.isFullScreen():
        window.showNormal()
    else:
        window.showFullScreen()


def show_settings(window: MainWindow, page: str = "") -> None:
    """The settings, opened at one of their pages."""
    from divisive_desktop.desktop.features.settings.dialog import SettingsDialog

    dialog = SettingsDialog(window)
    dialog.show_page(page)
    dialog.open()


def quit_program(window: MainWindow) -> None:
    window.close()


# ---- help -----------------------------------------------------------------------------------------------


def show_shortcuts(window: MainWindow) -> None:
    """The sheet of keys and mouse buttons."""
    from divisive_desktop.desktop.features.help.shortcut_sheet import ShortcutSheet

    acts = window.actions_
    ShortcutSheet(acts.with_keys(), window, window.settings.mouse, acts.places.table()).open()


def show_reading(window: MainWindow) -> None:
    """What an analyst must know about saliency maps."""
    from divisive_desktop.desktop.features.help.map_guide import ReadingDialog

    ReadingDialog(window).open()


def show_about(window: MainWindow) -> None:
    engine = window.runner.engine
    running = f"PyTorch {engine.torch_version} on {engine.device_name}" if engine else "not running"
    box = QMessageBox(window)
    box.setWindowTitle("About Divisive Desktop")
    box.setIconPixmap(window.windowIcon().pixmap(64, 64))
    box.setText(f"<b>Divisive Desktop {version.build()}</b>")
    box.setInformativeText(
        "Shows what decided: the activation maps of the true and the false class, and where they part.<br><br>"
        "<b>Research use only, not for diagnosis.</b> A map shows what moves the model; it is no proof.<br><br>"
        f"Engine: {running}<br>Your data: {paths.user_data_dir()}<br>Licence: Apache-2.0"
    )
    box.open()
