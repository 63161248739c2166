"""Help > Reading the maps: what an analyst must know before believing a picture."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID

POINTS = (
    ("The four panes", "Image; the evidence map of the true class; that of the false class; and their divergence "
     "D = true − false with the important features. At inference nobody knows the true class: until you label the "
     "case, the class that the score is nearer to stands in for it: the titles say “predicted” where the model "
     "decided, “nearer” where it didn't, and “other”."),
    ("What decides", "Only the difference of the two logits decides, and the divergence map is what that difference "
     "is made of. One class's map can change while the decision doesn't."),
    ("A map is no proof", "It shows what moves the model, not what is wrong with the patient or the picture."),
    ("Resolution", "The maps have 7 × 7 to 14 × 14 cells, drawn smooth. G shows the cells; nothing smaller than a "
     "cell can be told apart."),
    ("Magnitude", "Both classes share one raw scale, so that colours compare. A scale of its own for each map would "
     "hide how weak it is."),
    ("Training on masks", "can make maps look right without being faithful. Look at the hold-out figures, deletion "
     "and insertion, and the border-only control beside them."),
    ("What changes maps", "Resizing, compression, markers and collimation all do."),
)  # fmt: skip


class MapGuide(QDialog):
    """The points above, one under the other."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Reading the maps")
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 3, GRID * 2, GRID * 3, GRID * 2)
        column.setSpacing(GRID // 2)
        for title, text in POINTS:
            head, body = QLabel(title), QLabel(text)
            theme.set_role(head, "strong")
            body.setWordWrap(True)
            body.setFixedWidth(GRID * 68)
            column.addWidget(head)
            column.addWidget(body)
            column.addSpacing(GRID)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
