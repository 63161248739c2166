"""The table of actions: menus, toolbar, context menu and the shortcut sheet are all made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QToolBar

from divisive_desktop.desktop import commands as do
from divisive_desktop.desktop.session.case import Review
from divisive_desktop.desktop.shell.keys import LocalKeys, named
from divisive_desktop.desktop.ui import icons

if TYPE_CHECKING:
    from divisive_desktop.desktop.window import MainWindow


@dataclass(frozen=True)
class State:
    """What decides whether an action makes sense now."""

    cases: int = 0
    case: bool = False
    record: bool = False
    analysis: bool = False
    label: bool = False
    busy: bool = False
    """The current case is being analysed."""
    batch: bool = False
    unanalysed: bool = False
    open: bool = False
    """A casebook is open."""
    writable: bool = True
    """What the analyst says is kept."""


Enabled = Callable[[State], bool]


def always(_: State) -> bool:
    return True


def has_cases(s: State) -> bool:
    return s.cases > 0


def has_record(s: State) -> bool:
    return s.record


def can_label(s: State) -> bool:
    return s.record and s.writable


def can_review(s: State) -> bool:
    return s.case and s.writable


def has_analysis(s: State) -> bool:
    return s.analysis


@dataclass(frozen=True)
class Action:
    """One thing that the user can do."""

    id: str
    text: str
    menu: str
    """Menu, with submenus after a slash: ``View/Layout``."""
    run: Callable[[MainWindow], Any]
    shortcut: str = ""
    tip: str = ""
    """What it does, where the text alone doesn't say; shown as tooltip and in the sheet."""
    icon: str = ""
    enabled: Enabled = always
    checked: Callable[[MainWindow], bool] | None = None
    """Makes the action checkable: whether it is on now."""
    toolbar: bool = False
    separator: bool = False
    """Starts a new group in its menu (and in the toolbar)."""
    hidden: bool = False
    """Only a key: in the sheet, not in a menu."""


def _layout(name: str) -> Callable[[MainWindow], bool]:
    return lambda w: w.viewer is not None and w.viewer.layout_name == name


# fmt: off
TABLE: tuple[Action, ...] = (
    # File
    Action("open", "Open files…", "File", do.open_files, "Ctrl+O", "Open radiographs, photographs or ZIP archives",
           "open-file", toolbar=True),
    Action("open-folder", "Open folder…", "File", do.open_folder, "Ctrl+Shift+O", "Open all images in a folder",
           "open-folder", toolbar=True),
    Action("open-by-patient", "Open by patient and study…", "File", do.open_by_patient, "Ctrl+Alt+O",
           "Choose patients, studies and series in a folder or on a DICOM medium"),
    Action("samples", "Open sample cases", "File", do.open_samples, "", "A real chest radiograph and a real face",
           "samples"),
    Action("export-json", "Export JSON…", "File", do.export_json, "Ctrl+E",
           "Write verdict, CAM pair, features and provenance of this case", "save", has_analysis, separator=True),
    Action("save-picture", "Save picture of the view…", "File", do.save_picture, "Ctrl+S",
           "The panes as they are on the screen, as PNG", "picture", has_record),
    Action("casebook-new", "New casebook…", "File", lambda w: w.casebook.new(), separator=True),
    Action("casebook-open", "Open casebook…", "File", lambda w: w.casebook.open(), "",
           "A folder NAME.casebook with its cases, labels, masks and analyses"),
    Action("casebook-copy", "Save a copy of the casebook…", "File", lambda w: w.casebook.save_copy(), "", "", "",
           lambda s: s.open),
    Action("casebook-zip", "Export casebook as ZIP…", "File", lambda w: w.casebook.export_zip(), "", "", "",
           lambda s: s.open),
    Action("casebook-import", "Import casebook…", "File", lambda w: w.casebook.import_zip(), "",
           "Unpack an exported casebook and open it"),
    Action("casebook-properties", "Casebook properties…", "File", lambda w: w.casebook.properties(), "",
           "Where it lies, who may see it, your name and role, how images are taken in", "", lambda s: s.open),
    Action("results", "Export results…", "File", lambda w: w.casebook.export_results(), "Ctrl+Shift+E",
           "One line per case, as CSV or JSON", "", lambda s: s.open and s.cases > 0),
    Action("report", "Report…", "File", lambda w: w.reports.open(), "Ctrl+P",
           "A sealed report on the selected cases that someone else can check: PDF, HTML, DICOM, JSON, CSV", "report",
           lambda s: s.case, toolbar=True),
    Action("report-check", "Check a report…", "File", lambda w: w.reports.check(), "",
           "Is an exported file as it was written, and does it still hold?"),
    Action("trash-restore", "Restore from trash", "File", lambda w: w.casebook.restore_trash(), "", "", "",
           lambda s: s.open and s.writable, separator=True),
    Action("trash-empty", "Empty trash…", "File", lambda w: w.casebook.empty_trash(), "", "", "",
           lambda s: s.open and s.writable),
    Action("settings", "Settings…", "File", do.show_settings, "Ctrl+,", "Appearance, images, device, keys and mouse",
           separator=True),
    Action("quit", "Quit", "File", do.quit_program, "Ctrl+Q", separator=True),
    # Case
    Action("previous", "Previous case", "Case", do.previous_case, "PgUp", "", "previous", has_cases, toolbar=True,
           separator=True),
    Action("next", "Next case", "Case", do.next_case, "PgDown", "", "next", has_cases, toolbar=True),
    Action("next-open", "Next unlabelled case", "Case", do.next_unlabelled, "Ctrl+PgDown", "", "", has_cases),
    Action("next-new", "Next unreviewed case", "Case", do.next_unreviewed, "Alt+PgDown",
           "The next one that is new or in review, from the top when there is none below", "", has_cases),
    Action("label-0", "Label as negative", "Case", lambda w: do.label(w, 0), "Ctrl+0",
           "Hold the negative class true (0 in the worklist)", "label-0", can_label, separator=True),
    Action("label-1", "Label as positive", "Case", lambda w: do.label(w, 1), "Ctrl+1",
           "Hold the positive class true (1 in the worklist)", "label-1", can_label),
    Action("label-clear", "Clear label", "Case", lambda w: do.label(w, None), "Ctrl+Backspace",
           "Take the label back: the predicted class is held true", "label-clear", lambda s: s.label and s.writable),
    Action("review-done", "Mark as done", "Case", lambda w: do.review(w, Review.DONE), "Ctrl+D", "", "check",
           can_review, separator=True),
    Action("review-flag", "Flag", "Case", lambda w: do.review(w, Review.FLAGGED), "Ctrl+Shift+F", "", "flag",
           can_review),
    Action("review-open", "Back to review", "Case", lambda w: do.review(w, Review.OPEN), "", "", "eye",
           can_review),
    Action("done-next", "Done, next unreviewed", "Case", do.done_and_next, "Ctrl+Shift+D",
           "Mark as done and go to the next case that is new or in review", "", can_review),
    Action("case-tags", "Tags…", "Case", lambda w: w.casebook.edit_tags(), "Ctrl+Alt+K", "Of all selected cases", "",
           can_review),
    Action("notes", "Notes…", "Case", lambda w: w.casebook.edit_notes(), "Ctrl+Alt+N", "", "", can_review),
    Action("copy-picture", "Copy picture", "Case", do.copy_picture, "Ctrl+C",
           "The panes as they are on the screen, to the clipboard", "copy", has_record, separator=True),
    Action("copy-path", "Copy file path", "Case", do.copy_path, "Ctrl+Shift+C", "", "", lambda s: s.case),
    Action("tags", "All tags…", "Case", lambda w: w.files.enlarge(), "Ctrl+K",
           "Everything that the file says about itself, with search", "info", lambda s: s.case),
    Action("forensic", "File and traces", "Case", lambda w: w.files.open("File and traces"), "Ctrl+Shift+K",
           "Hashes, times, compression, thumbnail against the picture", "search", lambda s: s.case),
    Action("close-case", "Move to trash", "Case", do.remove_current, "Delete",
           "Out of the casebook's list; the file stays where it is", "remove", can_review,
           separator=True),
    # Analysis
    Action("analyse", "Analyse again", "Analysis", do.analyse_current, "F5", "Run the model on this case again",
           "analyse", lambda s: s.record and not s.busy, toolbar=True, separator=True),
    Action("analyse-all", "Analyse all cases", "Analysis", lambda w: w.session.analyse_all(), "Shift+F5",
           "Run the model on every case that has no analysis yet", "analyse-all",
           lambda s: s.unanalysed and not s.batch and s.writable),
    Action("analyse-selected", "Analyse selected cases", "Analysis", do.analyse_selected, "Ctrl+F5",
           "Run the model on the cases selected in the worklist", "analyse",
           lambda s: s.case and not s.batch and s.writable),
    Action("pause", "Pause analysis of all cases", "Analysis", lambda w: w.session.batch.toggle(), "",
           "A second time: go on", "pause", lambda s: s.batch, lambda w: w.session.batch.paused is not None),
    Action("failures", "What could not be analysed…", "Analysis", lambda w: w.casebook.show_last_failures(), "",
           "Of the newest batch that something failed in, with what to do about it", "",
           lambda s: s.open and s.writable and s.cases > 0),
    Action("cancel", "Cancel analysis of all cases", "Analysis", lambda w: w.session.cancel_batch(), "", "", "cancel",
           lambda s: s.batch),
    Action("auto-analyse", "Analyse on opening", "Analysis", do.toggle_auto_analyse, "",
           "Analyse a case as soon as it is looked at", checked=lambda w: w.settings.analyse_on_opening),
    Action("features-auto", "Automatic feature threshold", "Analysis", lambda w: w.inspector.features.set_auto(),
           "", "Otsu's threshold on |D|", "reset", has_analysis, separator=True),
    # View: layouts come before what the viewer adds
    Action("layout-2x2", "Four panes", "View/Layout", lambda w: w.layouts.choose("2x2"), "F2",
           "Image, true class, false class, important features", "layout-4", has_record, _layout("2x2"),
           toolbar=True, separator=True),
    Action("layout-pair", "True and false class", "View/Layout", lambda w: w.layouts.choose("pair"), "F3", "",
           "layout-2", has_record, _layout("pair"), toolbar=True),
    Action("layout-1x2", "Image and features", "View/Layout", lambda w: w.layouts.choose("1x2"), "F4", "", "",
           has_record, _layout("1x2")),
    Action("layout-image", "Image alone", "View/Layout", lambda w: w.layouts.choose("image"), "F6", "",
           "layout-1", has_record, _layout("image"), toolbar=True),
    Action("layout-true", "True class alone", "View/Layout", lambda w: w.layouts.choose("true"), "F7", "", "",
           has_record, _layout("true")),
    Action("layout-false", "False class alone", "View/Layout", lambda w: w.layouts.choose("false"), "F8", "", "",
           has_record, _layout("false")),
    Action("layout-features", "Important features alone", "View/Layout", lambda w: w.layouts.choose("features"),
           "F9", "", "", has_record, _layout("features")),
    Action("scale-shared", "One colour scale for both classes", "View/Maps", do.toggle_scale, "Ctrl+M",
           "On: magnitudes compare. Off: each map fills the colours", "", has_analysis,
           lambda w: w.viewer is None or w.viewer.state.scale_mode == "shared"),
    Action("identity", "Patient identity", "View/Show", do.toggle_identity, "Ctrl+I",
           "Name, number and dates in the corners and in the inspector", "eye", has_record,
           lambda w: w.identity_visible),
    Action("theme-system", "As the system", "View/Theme", lambda w: do.set_theme(w, "system"),
           checked=lambda w: w.theme.choice == "system"),
    Action("theme-light", "Light", "View/Theme", lambda w: do.set_theme(w, "light"),
           checked=lambda w: w.theme.choice == "light"),
    Action("theme-dark", "Dark", "View/Theme", lambda w: do.set_theme(w, "dark"),
           checked=lambda w: w.theme.choice == "dark"),
    Action("full-screen", "Full screen", "View", do.toggle_full_screen, "F11", checked=lambda w: w.isFullScreen()),
    Action("second-screen", "Panes in a window of their own", "View", lambda w: w.second_screen.toggle(), "Shift+F11",
           "On the second monitor, where there is one", "", has_record,
           lambda w: w.second_screen is not None and w.second_screen.on),
    Action("find", "Search the worklist", "View", lambda w: w.worklist.focus_search(), "Ctrl+F", "", "search",
           has_cases, separator=True),
    # Help
    Action("reading", "Reading the maps", "Help", do.show_reading, "F1", "What they show, and what they don't", "info"),
    Action("shortcuts", "Keyboard shortcuts", "Help", do.show_shortcuts, "?", "", "keyboard"),
    Action("save-log", "Save log…", "Help", do.save_log, "", "What the program did, without patient data", "",
           separator=True),
    Action("about", "About Divisive Desktop", "Help", do.show_about, separator=True),
)

# fmt: on

MENUS = ("File", "Case", "View", "Mask", "Analysis", "Help")

_VIEWER_ICONS = {
    "fit": "fit", "one-to-one": "one-to-one", "zoom-in": "zoom-in", "zoom-out": "zoom-out", "invert": "invert",
    "reset-view": "reset", "tool-pan": "pan", "tool-window": "window-level", "tool-zoom": "search",
    "tool-probe": "probe", "tool-ruler": "ruler", "tool-angle": "angle", "tool-ellipse": "ellipse",
    "tool-rectangle": "rectangle",
}  # fmt: skip
_VIEWER_TOOLBAR = ("fit", "one-to-one", "invert", "reset-view", "tool-pan", "tool-window", "tool-ruler")
_VIEWER_GROUPS = ("fit", "tool-pan", "delete-measurement")
_VIEWER_MENUS = {
    "View/Greys": ("invert", "next-window", "window-from-region", "luts", "sigmoid"),
    "View/Frames": ("previous-frame", "next-frame", "first-frame", "last-frame"),
    "View/Maps": ("toggle-overlay", "blink", "wipe", "less-overlay", "more-overlay", "cell-grid", "cam-cells"),
    "View/Show": ("smooth-image", "crosshair", "annotations", "overlays", "shutter"),
    "View/Tools": ("delete-measurement",),
}


def viewer_table() -> tuple[Action, ...]:
    """The viewer's commands as actions. Called when the viewer is made: its modules load late."""
    from divisive_desktop.desktop.viewer.commands import COMMANDS, Command

    menus = {name: menu for menu, names in _VIEWER_MENUS.items() for name in names}

    def action(command: Command) -> Action:
        checked = command.checked
        return Action(
            command.id,
            command.text,
            "View/Tools" if command.id.startswith("tool-") else menus.get(command.id, "View"),
            lambda w: command.run(w.viewer),
            command.key,
            icon=_VIEWER_ICONS.get(command.id, ""),
            enabled=has_record,
            checked=(lambda w: w.viewer is not None and checked(w.viewer)) if checked is not None else None,
            toolbar=command.id in _VIEWER_TOOLBAR,
            separator=command.id in _VIEWER_GROUPS,
            hidden=command.id.startswith("preset-"),
        )

    return tuple(action(c) for c in COMMANDS)


class ActionSet(QObject):
    """The table's actions as Qt's, kept in step with the window's state.

    Signals
    -------
    keysChanged()
        The user gave out other keys; what names them (tooltips, hints) names the new ones.
    """

    keysChanged = Signal()

    def __init__(self, window: MainWindow, menu_bar: QMenuBar, toolbar: QToolBar) -> None:
        super().__init__(window)
        self._window, self._bar, self._toolbar = window, menu_bar, toolbar
        self.menus: dict[str, QMenu] = {name: menu_bar.addMenu(name) for name in MENUS}
        self.table: list[Action] = []
        self._made: dict[str, QAction] = {}
        self._keys: dict[str, str] = {}
        self.places = LocalKeys()
        """The keys of single places: worklist, painting tools."""
        self._state = State()

    def __getitem__(self, action_id: str) -> QAction:
        return self._made[action_id]

    def add(self, table: Sequence[Action]) -> None:
        """Make actions and put them into their menus and, where they say so, into the toolbar."""
        for action in table:
            made = QAction(action.text, self._window)
            made.setObjectName(action.id)
            self._give_key(action, made)
            if action.icon:
                made.setIcon(icons.icon(action.icon))
                made.setIconVisibleInMenu(False)
            made.setCheckable(action.checked is not None)
            made.triggered.connect(lambda _=False, a=action: (a.run(self._window), self.refresh()))
            if action.hidden:
                self._window.addAction(made)
            else:
                menu = self._menu(action.menu)
                if action.separator and not menu.isEmpty():
                    menu.addSeparator()
                menu.addAction(made)
            if action.toolbar:
                if action.separator and self._toolbar.actions():
                    self._toolbar.addSeparator()
                self._toolbar.addAction(made)
            self._made[action.id] = made
            self.table.append(action)
        self.refresh()

    def _give_key(self, action: Action, made: QAction) -> None:
        made.setShortcut(QKeySequence(self._keys.get(action.id, action.shortcut)))
        key = made.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        made.setToolTip((action.tip or action.text.rstrip("…")) + (f"  ({key})" if key else ""))

    def set_keys(self, changes: Mapping[str, str]) -> None:
        """Keys that the user changed: action id -> key, '' for none; also for actions that are added later."""
        self._keys = dict(changes)
        self.places.set_keys(changes)
        for action in self.table:
            self._give_key(action, self._made[action.id])
        self.keysChanged.emit()

    def key(self, name: str) -> str:
        """The key of an action or of a single place as a hint names it, '' for none."""
        return named(self.places[name] if name in self.places else self._made[name].shortcut().toString())

    def with_keys(self) -> list[Action]:
        """The table with the keys that are in force."""
        return [replace(a, shortcut=self._made[a.id].shortcut().toString()) for a in self.table]

    def all(self) -> list[QAction]:
        """Every action as Qt's."""
        return list(self._made.values())

    def _menu(self, path: str) -> QMenu:
        if path not in self.menus:
            parent, _, name = path.rpartition("/")
            self.menus[path] = self._menu(parent).addMenu(name)
        return self.menus[path]

    def set_state(self, state: State) -> None:
        """Enable what makes sense now."""
        if state != self._state:
            self._state = state
            self.refresh()

    def refresh(self) -> None:
        """Bring enabled and checked marks up to date."""
        for action in self.table:
            made = self._made[action.id]
            made.setEnabled(action.enabled(self._state))
            if action.checked is not None:
                made.setChecked(action.checked(self._window))

    def recolour(self) -> None:
        """Draw all icons anew after the theme changed."""
        for action in self.table:
            if action.icon:
                self._made[action.id].setIcon(icons.icon(action.icon))
