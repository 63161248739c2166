"""The worklist in the window: its dock, moving through the cases, labels and review states."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Qt

from divisive_desktop.desktop.features.worklist.panel import Worklist
from divisive_desktop.desktop.session.case import Case, Review
from divisive_desktop.desktop.session.casebook_service import OpenedCasebook
from divisive_desktop.desktop.shell.action import Action, can_label, can_review, has_cases
from divisive_desktop.desktop.shell.menu_layout import LIST_CONTEXT
from divisive_desktop.desktop.shell.services import Services

WIDTH = 264


def install(services: Services) -> WorklistFeature:
    """Add the worklist to the window."""
    return WorklistFeature(services)


class WorklistFeature(QObject):
    """Puts the list at the left, and tells the session what is selected in it."""

    def __init__(self, services: Services) -> None:
        super().__init__(services.window)
        self._services, self._session = services, services.session
        self.panel = Worklist(services.session.cases, services.settings)
        self.panel.list.keys = services.actions.local_keys
        dock = services.places.add_dock("Worklist", self.panel, Qt.DockWidgetArea.LeftDockWidgetArea, WIDTH)
        services.actions.add_entry("show-worklist", dock.toggleViewAction())
        services.actions.add(self._actions())
        services.actions.attach(self.panel.list, LIST_CONTEXT)
        self._session.selection = self.panel.selected
        self._session.currentChanged.connect(self.panel.show_current)
        self.panel.chosen.connect(self._session.select)
        self.panel.widthWanted.connect(lambda width: services.places.widen_dock(dock, width))
        self.panel.labelled.connect(self._label)
        services.theme.changed.connect(self.panel.recolour)
        for news in (self._session.currentChanged, self._session.recordReady, self._session.analysisChanged,
                     self._session.questions.modelsChanged):  # fmt: skip
            news.connect(self._name_labels)
        self._book: Path | None = None
        self._session.casebook.opened.connect(self._casebook_opened)

    def _actions(self) -> tuple[Action, ...]:
        panel = self.panel
        # fmt: off
        return (
            Action("previous", "Previous case", lambda: panel.step(-1), "PgUp", icon="previous", enabled=has_cases),
            Action("next", "Next case", lambda: panel.step(1), "PgDown", icon="next", enabled=has_cases),
            Action("next-open", "Next unlabelled case", self._next_unlabelled, "Ctrl+PgDown", enabled=has_cases),
            Action("next-new", "Next unreviewed case", self._next_unreviewed, "Alt+PgDown",
                   "The next one that is new or in review, from the top when there is none below", enabled=has_cases),
            Action("label-0", "Label as negative", lambda: self._label(0), "Ctrl+0",
                   "Hold the negative class true (0 in the worklist)", "label-0", can_label),
            Action("label-1", "Label as positive", lambda: self._label(1), "Ctrl+1",
                   "Hold the positive class true (1 in the worklist)", "label-1", can_label),
            Action("label-clear", "Clear label", lambda: self._label(None), "Ctrl+Backspace",
                   "Take the label back: the class that the score is nearer to is held true", "label-clear",
                   lambda s: s.label and s.writable),
            Action("review-done", "Mark as done", lambda: self._review(Review.DONE), "Ctrl+D", icon="check",
                   enabled=can_review),
            Action("review-flag", "Flag", lambda: self._review(Review.FLAGGED), "Ctrl+Shift+F", icon="flag",
                   enabled=can_review),
            Action("review-open", "Back to review", lambda: self._review(Review.OPEN), icon="eye", enabled=can_review),
            Action("done-next", "Done, next unreviewed", self._done_and_next, "Ctrl+Shift+D",
                   "Mark as done and go to the next case that is new or in review", enabled=can_review),
            Action("close-case", "Move to trash", lambda: self._session.remove(self._session.chosen()), "Delete",
                   "Out of the casebook's list; the file stays where it is", "remove", can_review),
            Action("find", "Search the worklist", panel.focus_search, "Ctrl+F", icon="search", enabled=has_cases),
        )
        # fmt: on

    def _casebook_opened(self, found: OpenedCasebook) -> None:
        """What narrows one casebook's list would hide cases of another."""
        before, self._book = self._book, found.book.path
        if before is not None and before != self._book:
            self.panel.show_all()

    def _name_labels(self, *_news: object) -> None:
        """Call the answers in the menus what the question of the current case calls them."""
        classes = self._session.questions.of(self._session.current)[1]
        for label, word in enumerate(("negative", "positive")):
            text = f"Label as {word}" + (f": {classes[label]}" if classes is not None else "")
            self._services.actions[f"label-{label}"].setText(text.replace("&", "&&"))

    def _next_unlabelled(self) -> None:
        """The next case below that has no label and can be opened."""

        def wanted(case: Case) -> bool:
            return case.label is None and case.error is None

        self.panel.step(1, wanted)

    def _next_unreviewed(self) -> None:
        """The next case that isn't done; from the top of the list when there is none below."""

        def wanted(case: Case) -> bool:
            return case.review in (Review.NEW, Review.OPEN) and case.error is None

        self.panel.step(1, wanted, wrap=True)

    def _label(self, value: int | None) -> None:
        """Label the selected cases."""
        self._session.edits.set_label(value, self._session.chosen())

    def _review(self, state: Review) -> None:
        """Say how far the analyst is with the selected cases."""
        self._session.edits.set_review(state, self._session.chosen())

    def _done_and_next(self) -> None:
        self._review(Review.DONE)
        self._next_unreviewed()
