"""The painting tools, in the order in which the palette shows them."""

from __future__ import annotations

from divisive_desktop.desktop.features.painting.brush import BrushTool, EraserTool
from divisive_desktop.desktop.features.painting.outlining import EllipseTool, LassoTool, PolygonTool, RectangleTool
from divisive_desktop.desktop.features.painting.paint_tool import PaintTool
from divisive_desktop.desktop.features.painting.picking import BucketTool, WandTool
from divisive_desktop.desktop.features.painting.smart import SmartTool

PAINT_TOOLS: tuple[type[PaintTool], ...] = (
    BrushTool, EraserTool, LassoTool, PolygonTool, RectangleTool, EllipseTool, BucketTool, WandTool, SmartTool,
)  # fmt: skip
