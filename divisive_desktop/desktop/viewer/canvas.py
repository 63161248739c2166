"""One pane's picture: image, map, features, text; and the mouse events on it."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QFont,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)  # fmt: skip
from PySide6.QtWidgets import QSizePolicy, QWidget

from divisive_desktop.desktop.viewer import feature_drawing, overlay_text
from divisive_desktop.desktop.viewer.colorbar import colorbar_boxes, draw_colorbar
from divisive_desktop.desktop.viewer.maps import PaneKind, ScreenMap
from divisive_desktop.desktop.viewer.pyramid import Patch
from divisive_desktop.desktop.viewer.tool import PaneMouse, Tool, ToolChoice
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.desktop.viewer.view_state import ViewState

BACKGROUND = QColor(13, 14, 16)
"""Behind the image, in every theme: a bright surround hides low contrast."""
MARGIN = 8
_CLICK = 4.0
"""A press and release closer than this many logical pixels is a click."""
_WIPE_GRIP = 6.0


@dataclass(frozen=True, eq=False)
class _MapPicture:
    """A map as a picture, and where it goes in device pixels."""

    image: QImage
    left: int
    top: int

    @classmethod
    def of(cls, made: ScreenMap, dpr: float) -> _MapPicture:
        rows, columns = made.index.shape
        indexed = QImage(made.index.data, columns, rows, columns, QImage.Format.Format_Indexed8)
        indexed.setColorTable(made.table.tolist())
        image = indexed.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
        image.setDevicePixelRatio(dpr)
        return cls(image, made.left, made.top)


class Canvas(QWidget):
    """Paints one pane from the shared `ViewState`; owns no state that another pane needs."""

    clicked = Signal(PaneMouse)
    """A click with the left button that dragged nothing."""
    doubleClicked = Signal()
    pointed = Signal(float, float)
    """Image position under the pointer: x, y."""
    left = Signal()
    """The pointer left the pane."""
    wheelTurned = Signal(QWheelEvent, float, float)
    """The event, and the image position under the pointer: x, y."""
    menuRequested = Signal(QPointF)
    """Global position of a click with the right button that dragged nothing."""

    def __init__(
        self, state: ViewState, kind: PaneKind, tool_for: ToolChoice, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.state = state
        self.kind = kind
        self._tool_for = tool_for
        self.setMouseTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(96, 80)
        self._map: tuple[tuple[object, ...], _MapPicture | None] | None = None
        self._last: tuple[tuple[object, ...], tuple[object, ...], QImage] | None = None
        self._written: tuple[tuple[object, ...], tuple[object, ...], QFont, QImage] | None = None
        self._drag: tuple[Qt.MouseButton, Tool | None, QPointF] | None = None
        self._moved = False
        self._wiping = False
        state.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(420, 420)

    def transform(self) -> Transform:
        """Where the image lies in this pane now."""
        return self.state.view.transform(self.size(), self.devicePixelRatioF())

    # -- painting -------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            self.paint_on(painter)

    def paint_on(self, painter: QPainter) -> None:
        """Paint everything; also used to grab the pane."""
        state = self.state
        if state.record is None or state.voi is None:
            painter.fillRect(self.rect(), BACKGROUND)
            return
        transform = self.transform()
        painter.drawImage(QPointF(0, 0), self._backdrop(transform))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for layer in (*state.graphics, *state.layers, *state.painters):
            painter.save()
            layer.paint_layer(painter, self.kind, transform)
            painter.restore()
        if state.wipe is not None and self.kind is not PaneKind.IMAGE:
            self._paint_wipe(painter, state.wipe)
        self._paint_pointer(painter, transform)
        if state.annotations:
            painter.drawImage(QPointF(0, 0), self._texts(transform))

    def _backdrop(self, transform: Transform) -> QImage:
        """Image, map, cell grid and features: what stays while the pointer moves and tools draw."""
        state = self.state
        assert state.voi is not None
        patch = state.renderer.patch(transform, state.voi, state.invert)
        shown = state.overlay_shown and self.kind is not PaneKind.IMAGE
        found = state.features if shown and self.kind is PaneKind.FEATURES else None
        cells = state.maps if state.cell_grid and self.kind is not PaneKind.IMAGE else None
        colours = self._map_picture(transform) if shown and state.maps is not None else None
        # Pictures and features by identity: they hold arrays, and are never changed in place.
        made_of = (patch, colours, found, cells)
        taken = self._taken() if found is not None else ()
        key = (state.opacity, state.wipe, state.selected, state.region, transform, taken)
        if self._last is not None and self._last[1] == key and _same(self._last[0], made_of):
            return self._last[2]
        picture = QImage(*transform.pane, QImage.Format.Format_RGB32)
        picture.setDevicePixelRatio(transform.dpr)
        picture.fill(BACKGROUND)
        with QPainter(picture) as painter:
            if patch is not None:
                where = QPointF(patch.left / transform.dpr, patch.top / transform.dpr)
                painter.drawImage(where, _image(patch, transform.dpr))
            if state.wipe is not None:
                left = round(state.wipe * self.width())
                painter.setClipRect(left, 0, self.width() - left, self.height())
            if colours is not None:
                painter.setOpacity(state.opacity)
                painter.drawImage(QPointF(colours.left / transform.dpr, colours.top / transform.dpr), colours.image)
                painter.setOpacity(1.0)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if cells is not None:
                feature_drawing.draw_cell_grid(painter, cells.region, cells.grid, transform)
            if found is not None:
                region, font = state.region, self.font()
                feature_drawing.draw_features(painter, found, transform, state.selected, font, region, taken)
        self._last = (made_of, key, picture)
        return picture

    def _taken(self) -> tuple[QRectF, ...]:
        """Where the colour bar is written over the picture."""
        maps = self.state.maps if self.state.annotations else None
        if maps is None:
            return ()
        return colorbar_boxes(self._text_area(), maps, self.kind, overlay_text.overlay_font(self.font()))

    def _text_area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(MARGIN, MARGIN - 2, -MARGIN, -MARGIN + 2)

    def _map_picture(self, transform: Transform) -> _MapPicture | None:
        maps = self.state.maps
        assert maps is not None
        key = (maps, maps.interpolation, maps.scale_mode, transform)
        if self._map is None or self._map[0] != key:
            made = maps.screen_map(self.kind, transform)
            self._map = (key, _MapPicture.of(made, transform.dpr) if made is not None else None)
        return self._map[1]

    def _paint_wipe(self, painter: QPainter, wipe: float) -> None:
        x = round(wipe * self.width()) + 0.5
        for pen in (QPen(QColor(0, 0, 0, 160), 3), QPen(overlay_text.INK, 1)):
            painter.setPen(pen)
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))

    def _paint_pointer(self, painter: QPainter, transform: Transform) -> None:
        state = self.state
        if state.pointer is None or (state.pointer_pane is self.kind and not state.crosshair):
            return
        at = transform.to_widget(*state.pointer)
        reach, gap = (10_000.0, 12.0) if state.crosshair else (11.0, 4.0)
        for colour, width in ((QColor(0, 0, 0, 110), 3.0), (overlay_text.INK, 1.0)):
            painter.setPen(QPen(colour, width))
            for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                painter.drawLine(at + QPointF(dx * gap, dy * gap), at + QPointF(dx * reach, dy * reach))

    def _texts(self, transform: Transform) -> QImage:
        """What is written over the picture; it changes seldom, and takes longer to draw than the picture."""
        state, maps = self.state, self.state.maps
        of_maps = () if maps is None else (maps.scale_mode, maps.held)
        made_of = (state.record, state.voi, maps)
        lead = self.kind is state.lead
        key = (state.invert, state.identity_visible, state.view.zoom, lead, state.waiting_text, of_maps, transform)
        last = self._written
        if last is not None and last[1] == key and last[2] == self.font() and _same(last[0], made_of):
            return last[3]
        picture = QImage(*transform.pane, QImage.Format.Format_ARGB32_Premultiplied)
        picture.setDevicePixelRatio(transform.dpr)
        picture.fill(Qt.GlobalColor.transparent)
        with QPainter(picture) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_text(painter)
        self._written = (made_of, key, self.font(), picture)
        return picture

    def _paint_text(self, painter: QPainter) -> None:
        state, area = self.state, self._text_area()
        assert state.record is not None
        assert state.voi is not None
        font = overlay_text.overlay_font(self.font())
        if self.kind is state.lead:
            zoom = state.view.zoom
            text = overlay_text.corners(state.record, state.voi, state.invert, zoom, state.identity_visible)
            overlay_text.draw_corners(painter, area, text, font)
            letters = overlay_text.edge_letters(state.record.orientation)
            overlay_text.draw_edges(painter, area, letters, overlay_text.overlay_font(self.font(), 14, bold=True))
        if self.kind is PaneKind.IMAGE:
            return
        if state.maps is not None:
            draw_colorbar(painter, area, state.maps, self.kind, font)
        else:
            overlay_text.plate_text(painter, area, state.waiting_text, overlay_text.overlay_font(self.font(), 13))

    # -- mouse ----------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        if self.isVisible():
            self.state.view.set_pane(self.size(), self.devicePixelRatioF())

    def showEvent(self, event: QEvent) -> None:
        self.state.view.set_pane(self.size(), self.devicePixelRatioF())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._drag is not None or self.state.record is None:
            return
        self._moved = False
        position = event.position()
        self._wiping = event.button() is Qt.MouseButton.LeftButton and self._on_wipe(position)
        tool = None if self._wiping else self._tool_for(event.button(), event.modifiers())
        self._drag = (event.button(), tool, position)
        if tool is not None:
            tool.press(self._mouse(event, event.button()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = event.position()
        if self._drag is None:
            self._hover(event)
        else:
            button, tool, start = self._drag
            if (position - start).manhattanLength() >= _CLICK:
                self._moved = True
            if self._wiping:
                self.state.wipe = min(max(position.x() / max(self.width(), 1), 0.0), 1.0)
                self.state.notify()
            elif tool is not None:
                tool.move(self._mouse(event, button))
        if self.state.record is not None:
            self.pointed.emit(*self.transform().to_image(position))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._drag is None or event.button() is not self._drag[0]:
            return
        button, tool, _ = self._drag
        self._drag = None
        if tool is not None:
            tool.release(self._mouse(event, button))
        if not self._moved and not self._wiping:
            if button is Qt.MouseButton.LeftButton:
                self.clicked.emit(self._mouse(event, button))
            elif button is Qt.MouseButton.RightButton:
                self.menuRequested.emit(event.globalPosition())
        self._wiping = False

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton or self.state.record is None:
            return
        tool = self._tool_for(event.button(), event.modifiers())
        if tool is None or not tool.double_click(self._mouse(event, event.button())):
            self.doubleClicked.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.state.record is not None:
            self.wheelTurned.emit(event, *self.transform().to_image(event.position()))
            event.accept()

    def enterEvent(self, event: QEnterEvent) -> None:
        tool = self._tool_for(Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
        self.setCursor(tool.cursor if tool is not None else Qt.CursorShape.ArrowCursor)

    def leaveEvent(self, event: QEvent) -> None:
        self.left.emit()

    @property
    def dragging(self) -> bool:
        return self._drag is not None

    def cancel_drag(self) -> None:
        """Forget a drag that is under way (the image changed, Escape)."""
        if self._drag is not None and self._drag[1] is not None:
            self._drag[1].cancel()
        self._drag = None
        self._wiping = False

    def _hover(self, event: QMouseEvent) -> None:
        tool = self._tool_for(Qt.MouseButton.LeftButton, event.modifiers())
        if self._on_wipe(event.position()):
            self.setCursor(Qt.CursorShape.SplitHCursor)
        elif tool is not None:
            self.setCursor(tool.cursor)
            if self.state.record is not None:
                tool.hover(self._mouse(event, Qt.MouseButton.NoButton))

    def _on_wipe(self, position: QPointF) -> bool:
        wipe = self.state.wipe
        return (
            wipe is not None
            and self.kind is not PaneKind.IMAGE
            and abs(position.x() - wipe * self.width()) <= _WIPE_GRIP
        )

    def _mouse(self, event: QMouseEvent, button: Qt.MouseButton) -> PaneMouse:
        transform = self.transform()
        x, y = transform.to_image(event.position())
        return PaneMouse(self, self.kind, event.position(), x, y, button, event.modifiers(), transform)


def _image(patch: Patch, dpr: float) -> QImage:
    """The patch as a QImage that shares its memory."""
    rows, columns = patch.pixels.shape[:2]
    grey = patch.pixels.ndim == 2
    form = QImage.Format.Format_Grayscale8 if grey else QImage.Format.Format_RGB888
    image = QImage(patch.pixels.data, columns, rows, columns * (1 if grey else 3), form)
    image.setDevicePixelRatio(dpr)
    return image


def _same(a: tuple[object, ...], b: tuple[object, ...]) -> bool:
    return all(x is y for x, y in zip(a, b, strict=True))
