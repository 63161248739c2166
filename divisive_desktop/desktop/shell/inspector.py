"""The inspector: one column that scrolls, filled section by section by the features."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from divisive_desktop.desktop.ui.sections import Section

SECTIONS = (
    "Important features", "Part that is analysed", "What the model saw", "Saliency mask", "Model and method",
    "What this model is for, and its limits", "Histogram", "Image", "All tags", "File and traces", "Fine-tuning",
)  # fmt: skip
"""Titles from the top down, whoever adds them when."""


class Inspector(QScrollArea):
    """A head and foldable sections; knows nothing of what is in them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        holder = QWidget()
        self._column = QVBoxLayout(holder)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addStretch(1)
        self._heads = 0
        self._sections: dict[str, Section] = {}
        self.setWidget(holder)
        self._ordering = QTimer(self, interval=0, singleShot=True)
        self._ordering.timeout.connect(self._order)

    def sizeHint(self) -> QSize:
        return QSize(320, 600)

    def add_head(self, widget: QWidget) -> None:
        """Put a widget above all sections."""
        self._column.insertWidget(self._heads, widget)
        self._heads += 1
        self._ordering.start()

    def add_section(self, title: str, widget: QWidget, folded: bool = False) -> Section:
        """Add a foldable section at the place that its title has in ``SECTIONS``.

        Raises
        ------
        ValueError
            The title isn't in ``SECTIONS``.
        """
        section = Section(title, folded)
        section.body.addWidget(widget)
        place = SECTIONS.index(title)
        before = sum(SECTIONS.index(other) < place for other in self._sections)
        self._column.insertWidget(self._heads + before, section)
        self._sections[title] = section
        self._ordering.start()
        return section

    def _order(self) -> None:
        """Let the Tab key go down the column, whoever added what when."""
        before: QWidget | None = None
        for place in range(self._column.count()):
            item = self._column.itemAt(place)
            top = item.widget() if item is not None else None  # the last one is room
            for part in top.findChildren(QWidget) if top is not None else ():
                if part.focusPolicy() & Qt.FocusPolicy.TabFocus and part.window() is self.window():
                    if before is not None:
                        QWidget.setTabOrder(before, part)
                    before = part

    def section(self, title: str) -> Section:
        """The section of this title."""
        return self._sections[title]

    def reveal(self, title: str) -> None:
        """Scroll until a section is seen as a whole, or from its head on."""
        section = self._sections[title]
        if section.isVisibleTo(self):
            bar, room = self.verticalScrollBar(), self.viewport().height()
            top, bottom = section.y(), section.y() + section.height()
            bar.setValue(min(top, max(bar.value(), bottom - room)))

    def bring_up(self, title: str) -> None:
        """Scroll so that a section begins at the top, once its content has taken its height."""
        section = self._sections[title]
        QTimer.singleShot(0, section, lambda: self.verticalScrollBar().setValue(section.y()))
