"""The painting tools, in the order in which the palette shows them."""

from __future__ import annotations

from divisive_desktop.desktop.painting.brush import BrushTool, EraserTool
from divisive_desktop.desktop.painting.outlining import EllipseTool, LassoTool, PolygonTool, RectangleTool
from divisive_desktop.desktop.painting.picking import BucketTool, WandTool
from divisive_desktop.desktop.painting.smart import SmartTool
from divisive_desktop.desktop.painting.tool import PaintTool

PAINT_TOOLS: tuple[type[PaintTool], ...] = (
    BrushTool, EraserTool, LassoTool, PolygonTool, RectangleTool, EllipseTool, BucketTool, WandTool, SmartTool,
)  # fmt: skip
