"""How well model and mask agree, in three figures."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.masks.agreement import Agreement


class AgreementView(QWidget):
    """Three figures that follow the brush."""

    _ROWS = (
        ("energy", "Divergence inside", "Share of the divergence's energy (D²) that lies inside the mask"),
        ("iou", "Overlap with features", "Overlap (IoU) of the mask with the features that argue for the true class"),
        ("pointing", "Pointing game", "Whether the strongest evidence for the true class lies in the mask"),
    )

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        self.values: dict[str, QLabel] = {}
        for name, text, tip in self._ROWS:
            cell = QVBoxLayout()
            cell.setSpacing(0)
            value, label = QLabel("–"), QLabel(text)
            theme.set_role(value, "number")
            theme.set_role(label, "muted")
            label.setWordWrap(True)
            for widget in (value, label):
                widget.setToolTip(tip)
                widget.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            label.setAlignment(Qt.AlignmentFlag.AlignTop)
            cell.addWidget(value)
            cell.addWidget(label, 1)
            row.addLayout(cell, 1)
            self.values[name] = value

    def show_agreement(self, agreement: Agreement) -> None:
        for name in ("energy", "iou"):
            share = getattr(agreement, name)
            self.values[name].setText("–" if share is None else f"{share * 100:.0f} %")
        hit = agreement.pointing
        self.values["pointing"].setText("–" if hit is None else "Hit" if hit else "Miss")
