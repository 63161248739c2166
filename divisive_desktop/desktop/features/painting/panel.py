"""The inspector's section about the mask: agreement, regions, drafts, clean-up, blind mode."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from divisive_desktop.desktop.features.painting.agreement_view import AgreementView
from divisive_desktop.desktop.features.painting.palette import with_key
from divisive_desktop.desktop.features.painting.preview import Preview
from divisive_desktop.desktop.features.painting.region_row import RegionRow
from divisive_desktop.desktop.features.painting.reshape import KINDS, ReshapeBar, reshape
from divisive_desktop.desktop.features.painting.session import PaintSession
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.masks import ops

_STATES = {"saved": "Saved", "saving": "Saving…", "failed": "Not saved", "busy": "Working…"}
_SAVED_TIP = "Every stroke is kept by itself"


class MaskPanel(QWidget):
    """Everything about the mask that isn't a tool.

    Signals
    -------
    featuresDraftRequested(), camDraftRequested(float), previousRequested(), blindToggled(bool), doneRequested()
    reshaping()
        A way to reshape the region is being tried: it should be seen.
    """

    featuresDraftRequested = Signal()
    camDraftRequested = Signal(float)
    previousRequested = Signal()
    blindToggled = Signal(bool)
    doneRequested = Signal()
    reshaping = Signal()

    def __init__(self, session: PaintSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._reason: str | None = None
        self.preview = Preview(session, self)
        self.bar = ReshapeBar(session, self.preview)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        self.agreement = AgreementView()
        column.addWidget(self.agreement)

        head = QHBoxLayout()
        head.setSpacing(GRID)
        label = QLabel("REGIONS")
        theme.set_role(label, "section")
        self.saved = QLabel(_STATES["saved"])
        theme.set_role(self.saved, "muted")
        self.saved.setToolTip(_SAVED_TIP)
        add = QToolButton()
        add.setText("Add")
        theme.set_role(add, "compact")
        add.clicked.connect(lambda: session.add_region())
        self.add_button = add
        head.addWidget(label)
        head.addWidget(self.saved)
        head.addStretch(1)
        head.addWidget(add)
        head.addWidget(self._more())
        column.addLayout(head)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(2)
        column.addLayout(self._rows)
        self.empty = QLabel("Nothing painted yet. Choose a tool at the left, or begin with a draft:")
        self.empty.setWordWrap(True)
        theme.set_role(self.empty, "muted")
        column.addWidget(self.empty)
        self.rows: list[RegionRow] = []

        column.addLayout(self._drafts())
        column.addWidget(self._clean_up())
        column.addWidget(self.bar)
        opacity = QHBoxLayout()
        opacity.setSpacing(GRID)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(10, 100)
        self.opacity.setValue(round(session.settings.opacity * 100))
        self.opacity.setAccessibleName("Opacity of the mask")
        self.opacity.valueChanged.connect(lambda v: session.set_settings(opacity=v / 100))
        name = QLabel("Opacity")
        theme.set_role(name, "muted")
        opacity.addWidget(name)
        opacity.addWidget(self.opacity, 1)
        column.addLayout(opacity)
        self.blind = QCheckBox("Blind until done")
        self.blind.setToolTip(
            "Hides the model's opinion until the mask is done: you paint what you see, not what the model saw.\n"
            "That it was hidden, and the time spent, are recorded."
        )
        self.blind.toggled.connect(self.blindToggled)
        self.done = QPushButton("Mask done")
        self.done.clicked.connect(self.doneRequested)
        last = QHBoxLayout()
        last.setSpacing(GRID)
        last.addWidget(self.blind, 1)
        last.addWidget(self.done)
        column.addLayout(last)

        session.regionsChanged.connect(self.show_regions)
        session.agreementChanged.connect(self.agreement.show_agreement)
        session.saver.stateChanged.connect(self._show_state)
        session.painted.connect(lambda _: self._enable())
        session.edits.busyChanged.connect(self._show_busy)
        self.set_keys(lambda _: "")
        self.show_regions()

    def set_keys(self, key: Callable[[str], str]) -> None:
        """Name the keys in force; ``key`` gives that of an action, '' for none."""
        self.add_button.setToolTip(with_key("Add a region", key("mask-add-region")))
        self.done.setToolTip(with_key("Show what the model says about this case", key("mask-done")))

    # -- parts ----------------------------------------------------------------------------------------------

    def _drafts(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(GRID // 2)
        self.from_features = _push("Features", "Begin with the important features that argue for the true class")
        self.from_features.clicked.connect(self.featuresDraftRequested)
        self.cam_share = QSpinBox(minimum=1, maximum=99, value=60, suffix=" %")
        self.from_cam = _push("CAM ≥", "Begin with the true class's map where it reaches this share of its peak")
        self.from_cam.clicked.connect(lambda: self.camDraftRequested.emit(self.cam_share.value() / 100))
        self.cam_share.setAccessibleName("Share of the map's peak")
        self.draft = QLabel("Draft")
        theme.set_role(self.draft, "muted")
        self.cam_share.setFixedWidth(68)
        theme.indent(self.cam_share)
        row.addWidget(self.draft)
        row.addStretch(1)
        for widget in (self.from_features, self.from_cam, self.cam_share):
            row.addWidget(widget)
        return row

    def _clean_up(self) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID // 2)
        self.amount = QSpinBox(minimum=1, maximum=200, value=5, suffix=" px")
        self.amount.setToolTip("How far to grow, shrink and smooth")
        self.amount.setAccessibleName("Distance")
        self.amount.setFixedWidth(68)
        theme.indent(self.amount)
        row.addWidget(self.amount)
        self.grow = _push("Grow", "Grow the active region by this distance")
        self.shrink = _push("Shrink", "Shrink the active region by this distance")
        self.smooth = _push("Smooth", "Round off details of the active region smaller than this")
        self._hovered = {self.grow: "grow", self.shrink: "shrink", self.smooth: "smooth"}
        for button, kind in self._hovered.items():
            button.clicked.connect(lambda _=False, k=kind: self.reshape(k))
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.installEventFilter(self)
            row.addWidget(button, 1)
        return holder

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """While the pointer rests on a button, what it would do is seen."""
        if not isinstance(watched, QToolButton):
            return False
        kind = self._hovered.get(watched) if not self.bar.open else None
        if kind is not None and event.type() == QEvent.Type.Enter and watched.isEnabled():
            self.preview.show(KINDS[kind].make(self._session, self.amount.value()))
        elif kind is not None and event.type() in (QEvent.Type.Leave, QEvent.Type.MouseButtonPress):
            self.preview.clear()
        return False

    def _more(self) -> QToolButton:
        self.more = QToolButton()
        self.more.setText("…")
        self.more.setToolTip("More that can be done to the mask")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        theme.set_role(self.more, "compact")
        menu = QMenu(self.more)
        entries: tuple[tuple[str, Callable[[], None]], ...] = (
            ("Reshape with preview…", lambda: self.begin("grow")),
            ("Fill holes", lambda: self.reshape("holes")),
            ("Remove specks…", lambda: self.begin("specks")),
            ("Keep only greys in range…", lambda: self.begin("greys")),
            ("Invert", self.invert),
            ("Copy from previous case", self.previousRequested.emit),
            ("Clear", self._session.clear),
        )
        self._entries = {}
        for text, call in entries:
            self._entries[text] = menu.addAction(text)
            self._entries[text].triggered.connect(lambda _=False, c=call: c())
        self.more.setMenu(menu)
        return self.more

    def reshape(self, kind: str) -> None:
        """Reshape the active region at once, by the distance chosen."""
        self.bar.close_bar()
        reshape(self._session, kind, self.amount.value())

    def begin(self, kind: str) -> None:
        """Show what a way to reshape the active region would do, before it is applied."""
        self.bar.begin(kind, self.amount.value())
        self.reshaping.emit()

    def invert(self) -> None:
        """Swap inside and outside of the active region."""
        mask = self._session.mask
        self._session.run("Invert", ops.invert, mask.width * mask.height if mask is not None else 0)

    # -- what is shown --------------------------------------------------------------------------------------

    def show_regions(self) -> None:
        """Bring the list up to date."""
        regions = self._session.mask.regions if self._session.mask is not None else ()
        active = self._session.regions.active
        shown = [(row.region, row.property("role") == "activeRow") for row in self.rows]
        wanted = [(region, active is not None and region.id == active.id) for region in reversed(regions)]
        if shown != wanted:
            focused = next((row.region.id for row in self.rows if row.name.hasFocus()), None)
            for row in self.rows:
                row.name.blockSignals(True)  # losing the focus isn't renaming
                self._rows.removeWidget(row)
                row.hide()  # it may be the row whose click brought us here: it goes when that is over
                row.deleteLater()
            self.rows = [RegionRow(self._session, *each) for each in wanted]
            for row in self.rows:
                self._rows.addWidget(row)
                if row.region.id == focused:
                    row.name.setFocus()
        self._enable()

    def set_blind(self, blind: bool, hidden: bool) -> None:
        """Blind mode is on; the model's opinion on this case is hidden."""
        with QSignalBlocker(self.blind):
            self.blind.setChecked(blind)
        self.done.setEnabled(hidden)
        self.agreement.setVisible(not hidden)
        for widget in (self.draft, self.from_features, self.from_cam, self.cam_share):
            widget.setVisible(not hidden)

    def set_drafts(self, features: bool, cam: bool, previous: bool) -> None:
        """What there is to begin with."""
        self.from_features.setEnabled(features)
        self.from_cam.setEnabled(cam)
        self.cam_share.setEnabled(cam)
        self._entries["Copy from previous case"].setEnabled(previous)

    def set_read_only(self, reason: str | None) -> None:
        """Say why the mask can't be changed; None: it can."""
        self._reason = reason
        self.setToolTip(reason or "")
        self.saved.setToolTip(reason or _SAVED_TIP)
        self._show_state(self._session.saver.state)
        self._enable()

    def recolour(self) -> None:
        """Draw the icons in the colours of the scheme in force."""
        for row in self.rows:
            row.setProperty("role", "")
        self.show_regions()

    def _enable(self) -> None:
        session = self._session
        self.setEnabled(session.free)
        active, mask = session.regions.active, session.mask
        painted = active is not None and mask is not None and mask.bounds(active.id, exact=False) is not None
        for widget in (self.amount, self.grow, self.shrink, self.smooth):
            widget.setEnabled(painted)
        for text in ("Reshape with preview…", "Fill holes", "Remove specks…", "Keep only greys in range…"):
            self._entries[text].setEnabled(painted)
        self.empty.setVisible(not self.rows)

    def _show_busy(self, busy: bool) -> None:
        self._enable()
        self._show_state("busy" if busy else self._session.saver.state)

    def _show_state(self, state: str) -> None:
        self.saved.setText("Read-only" if self._reason else _STATES[state])
        role = "warningText" if self._reason else "errorText" if state == "failed" else "muted"
        theme.set_role(self.saved, role)


def _push(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    theme.set_role(button, "compact")
    return button
