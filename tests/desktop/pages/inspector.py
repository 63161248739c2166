"""The right side of the window: the verdict, what is said about the picture, and the panels on the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QComboBox, QScrollBar, QWidget

from tests.desktop.pages.hand import LEFT

if TYPE_CHECKING:
    from divisive_desktop.desktop.features.inspection.feature import InspectionFeature
    from divisive_desktop.desktop.features.inspection.feature_table import FeaturePanel
    from divisive_desktop.desktop.features.inspection.files import FilePanels
    from divisive_desktop.desktop.features.inspection.forensic import ForensicView
    from divisive_desktop.desktop.features.inspection.metadata import MetadataView
    from divisive_desktop.desktop.features.inspection.verdict import VerdictPanel
    from divisive_desktop.desktop.shell.inspector import Inspector
    from divisive_desktop.desktop.ui.sections import Section
    from tests.desktop.pages.window import Page


class VerdictPage:
    """What the model says and what the analyst says against it."""

    def __init__(self, page: Page) -> None:
        self._page = page

    @property
    def panel(self) -> VerdictPanel:
        return self._page.feature("inspection").verdict

    @property
    def text(self) -> str:
        """The verdict itself: a class, ``Undecided``, or ``Analysing…`` and the like."""
        answer = self.panel.answer
        return (self.panel.verdict if answer.isHidden() else answer.title).text()

    @property
    def chance(self) -> str:
        """The probability of a named class; '' where none is shown."""
        chance = self.panel.answer.chance
        return chance.text() if chance.isVisible() else ""

    @property
    def words(self) -> str:
        """How sure it is, and why; '' where nothing is answered."""
        how_sure = self.panel.answer.how_sure
        return how_sure.text() if how_sure.isVisible() else ""

    @property
    def measured(self) -> str:
        """What was measured where; '' where nothing was."""
        measured = self.panel.answer.measured
        return measured.text() if measured.isVisible() else ""

    @property
    def against(self) -> str:
        """What speaks against the answer; '' while that is folded."""
        against = self.panel.answer.against
        return against.text() if against.isVisible() else ""

    def unfold_against(self) -> None:
        """Click on what folds it."""
        QTest.mouseClick(self.panel.answer.fold, LEFT)

    @property
    def by(self) -> str:
        """Which model version gave the answer, and which one is in use now."""
        by = self.panel.answer.by
        return by.text() if by.isVisible() else ""

    @property
    def ask_in_use(self) -> QAbstractButton:
        """The button that asks the version in use, where another one answered."""
        return self.panel.answer.ask

    @property
    def error(self) -> str:
        """Why there is no verdict; '' where that isn't shown."""
        return self.panel.error.text() if self.panel.error.isVisible() else ""

    @property
    def scope(self) -> str:
        """Whether the image is of the kind that the model was made for; '' where nothing is answered."""
        zone = self.panel.answer.zone
        return zone.text() if zone.isVisible() else ""

    @property
    def anyway(self) -> QAbstractButton:
        """The button that asks although the image is out of scope."""
        return self.panel.anyway

    @property
    def mend(self) -> QAbstractButton:
        """The button that mends what the scope speaks of."""
        return self.panel.mending.mend

    @property
    def undo_mending(self) -> QAbstractButton:
        """The button that shows the picture as it is in the file again."""
        return self.panel.mending.undo

    @property
    def mended(self) -> str:
        """What was mended, in words; '' where that is nothing."""
        return self.panel.mending.words.text() if self.panel.mending.words.isVisible() else ""

    @property
    def classes(self) -> dict[str, str]:
        """``True class`` and ``False class`` with what makes them so; nothing where that isn't shown."""
        return self.panel.classes.text() if self.panel.classes.isVisible() else {}

    @property
    def hidden(self) -> bool:
        """Whether the whole verdict is kept back (while a mask is painted blind)."""
        return self.panel.isHidden()

    @property
    def negative(self) -> QAbstractButton:
        """The button that labels the case as class 0."""
        return self.panel.negative

    @property
    def positive(self) -> QAbstractButton:
        """The button that labels the case as class 1."""
        return self.panel.positive

    @property
    def clear(self) -> QAbstractButton:
        """The button that takes the label back."""
        return self.panel.clear

    @property
    def models(self) -> QComboBox:
        """Which model answers."""
        return self.panel.model

    @property
    def questions(self) -> QComboBox:
        """Which question is asked."""
        return self.panel.questions

    def choose_model(self, model_id: str) -> None:
        """``''``: the default one."""
        choose(self.models, model_id)

    def ask(self, task_id: str) -> None:
        """Ask another question of the picture."""
        choose(self.questions, task_id)


class InspectorPage:
    """Everything in the column at the right, beside the verdict."""

    def __init__(self, page: Page) -> None:
        self._page = page

    @property
    def _feature(self) -> InspectionFeature:
        return self._page.feature("inspection")

    @property
    def panel(self) -> Inspector:
        return self._page.window.services.inspector

    @property
    def image(self) -> dict[str, str]:
        """What is said about the picture and its patient, row by row."""
        return self._feature.image.text()

    @property
    def provenance(self) -> dict[str, str]:
        """Which model said it, from which weights."""
        return self._feature.provenance.text()

    @property
    def limits(self) -> str:
        """What the model isn't for."""
        return self._feature.limits.text()

    @property
    def features(self) -> FeaturePanel:
        """The important features, with their table and threshold."""
        return self._feature.features

    @property
    def scroll_bar(self) -> QScrollBar:
        return self.panel.verticalScrollBar()

    def section(self, name: str) -> Section:
        """A section by its heading."""
        return self.panel.section(name)

    def unfold(self, name: str) -> None:
        """Click on a section's heading."""
        QTest.mouseClick(self.section(name)._head, LEFT)

    def click_feature(self, row: int) -> None:
        """Click on a row of the table of features."""
        table = self.features.table
        at: QPoint = table.visualItemRect(table.item(row, 1)).center()
        QTest.mouseClick(table.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, at)


class FilesPage:
    """What the file says about itself, and what its bytes tell."""

    def __init__(self, page: Page) -> None:
        self._page = page

    @property
    def _panels(self) -> FilePanels:
        return self._page.feature("inspection").files

    @property
    def metadata(self) -> MetadataView:
        """Tags and header fields."""
        return self._panels.metadata

    @property
    def forensic(self) -> ForensicView:
        """Hashes, compression, thumbnail."""
        return self._panels.forensic

    @property
    def traces(self) -> dict[str, str]:
        """The rows of "File and traces"; empty until they were read."""
        return self.forensic.form.text()

    def open(self, section: str) -> None:
        """Open one of the two sections and bring it into sight."""
        self._panels.open(section)


def choose(box: QComboBox, data: str) -> None:
    """Choose an entry by what it stands for, as a hand does: the box tells that it was used."""
    box.setCurrentIndex(box.findData(data))
    box.activated.emit(box.currentIndex())


def is_visible(widget: QWidget) -> bool:
    """Whether any of it can be seen, scrolled as things are."""
    return not widget.visibleRegion().isEmpty()
