"""How the tools are set: one value object, shared by palette, tools and options bar."""

from __future__ import annotations

from dataclasses import dataclass

from divisive_desktop.masks.ops import Mode

MODES: tuple[Mode, ...] = ("add", "subtract", "intersect")
LARGEST = 1000.0


@dataclass(frozen=True)
class ToolSettings:
    """Everything that the options bar offers."""

    brush_radius: float = 20.0
    """Pixel widths."""
    eraser_radius: float = 30.0
    hardness: float = 1.0
    """1: crisp. Below: soft towards the rim."""
    pressure: bool = True
    """A pen's pressure changes the radius."""
    mode: Mode = "add"
    """What shapes and the wand do to what is there: add, subtract or intersect."""
    tolerance: int = 24
    """Bucket and wand: grey levels of the display, 0..255."""
    contiguous: bool = True
    """The wand takes only what hangs together."""
    sample: int = 5
    """Side of the square whose mean the wand looks for."""
    fill_by_grey: bool = True
    """The bucket stops at grey levels too, not only at paint."""
    limit_levels: bool = False
    """Paint only where the displayed grey lies in ``low..high``."""
    low: int = 0
    high: int = 255
    opacity: float = 0.45
    """Of the mask over the picture."""

    def radius(self, erase: bool) -> float:
        """Radius of brush or eraser: each keeps its own."""
        return self.eraser_radius if erase else self.brush_radius

    @staticmethod
    def stepped(radius: float, steps: int) -> float:
        """The next smaller or larger brush: by one tenth, at least half a pixel."""
        for _ in range(abs(steps)):
            step = max(0.5, radius * 0.1)
            radius = radius + step if steps > 0 else radius - step
        return min(max(round(radius * 2) / 2, 0.5), LARGEST)
