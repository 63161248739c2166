"""The image viewer: linked panes, window/level, maps, features, probing and measuring."""

from divisive_desktop.desktop.viewer.layers import MaskLayer
from divisive_desktop.desktop.viewer.maps import MapReading, PaneKind
from divisive_desktop.desktop.viewer.tool import PaneMouse, Tool
from divisive_desktop.desktop.viewer.view_state import Layer, ProbeReading
from divisive_desktop.desktop.viewer.viewer import LAYOUTS, Viewer

__all__ = ["LAYOUTS", "Layer", "MapReading", "MaskLayer", "PaneKind", "PaneMouse", "ProbeReading", "Tool", "Viewer"]
