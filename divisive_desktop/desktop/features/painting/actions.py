"""The Mask menu: a table like the window's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from divisive_desktop.desktop.features.painting.tools import PAINT_TOOLS
from divisive_desktop.desktop.shell.action import Action, State, has_record

if TYPE_CHECKING:
    from divisive_desktop.desktop.features.painting.drafts import Drafts
    from divisive_desktop.desktop.features.painting.layer import RegionsLayer
    from divisive_desktop.desktop.features.painting.mask_files import MaskFiles
    from divisive_desktop.desktop.features.painting.panel import MaskPanel
    from divisive_desktop.desktop.features.painting.session import PaintSession
    from divisive_desktop.desktop.session.blinding import Blinding
    from divisive_desktop.desktop.viewer import Viewer


def table(
    session: PaintSession, panel: MaskPanel, drafts: Drafts, files: MaskFiles, blinding: Blinding, viewer: Viewer,
    layer: RegionsLayer, *, set_tool: Callable[[str], None], toggle_shown: Callable[[], None],
    finish: Callable[[], None],
) -> tuple[Action, ...]:  # fmt: skip
    """The actions of painting.

    Parameters
    ----------
    session, panel, drafts, files, blinding, viewer, layer
        The parts that they work on.
    set_tool : callable
        Takes up the tool of an id.
    toggle_shown : callable
        Shows or hides the mask.
    finish : callable
        Says that the mask is done.
    """

    def painted(state: State) -> bool:
        active = session.regions.active
        return (
            state.writable
            and active is not None
            and session.mask is not None
            and session.mask.bounds(active.id, False) is not None
        )

    def can_paint(state: State) -> bool:
        return state.record and state.writable

    def can_draft(state: State) -> bool:
        return state.writable and drafts.possible

    def anything(_: State) -> bool:
        mask = session.mask
        return mask is not None and any(mask.bounds(r.id, False) is not None for r in mask.regions)

    def tool_on(tool_id: str) -> Callable[[], bool]:
        return lambda: viewer.tool == tool_id

    tools = tuple(
        Action(
            f"tool-{tool.id}", tool.text, partial(set_tool, tool.id), tool.key_hint,
            tool.tip, tool.icon, can_paint, tool_on(tool.id),
        )
        for tool in PAINT_TOOLS
    )  # fmt: skip
    # fmt: off
    return (
        Action("mask-undo", "Undo", session.undo, "Ctrl+Z", "", "undo",
               lambda s: s.writable and session.history.undo_name is not None),
        Action("mask-redo", "Redo", session.redo, "Ctrl+Shift+Z", "", "redo",
               lambda s: s.writable and session.history.redo_name is not None),
        *tools,
        Action("mask-add-region", "Add region", session.add_region, "Ctrl+Shift+N", "", "",
               can_paint),
        Action("mask-from-features", "Begin with important features", drafts.from_features, "",
               "Takes the features that argue for the true class", "", can_draft),
        Action("mask-from-cam", "Begin with the true class's map",
               lambda: drafts.from_cam(panel.cam_share.value() / 100), "",
               "Takes what reaches the share of its peak that the panel says", "", can_draft),
        Action("mask-copy", "Copy from previous case", drafts.copy_previous, "Ctrl+Shift+V", "",
               "", lambda s: s.writable and session.mask is not None and session.previous is not None),
        Action("mask-reshape", "Reshape with preview…", lambda: panel.begin("grow"), "Ctrl+Shift+R",
               "Grow, shrink, smooth and clean up, seen before it is applied", "", painted),
        Action("mask-grow", "Grow", lambda: panel.reshape("grow"), "Ctrl++",
               "By the distance that the panel says", "", painted),
        Action("mask-shrink", "Shrink", lambda: panel.reshape("shrink"), "Ctrl+-",
               "By the distance that the panel says", "", painted),
        Action("mask-smooth", "Smooth", lambda: panel.reshape("smooth"), "Ctrl+Shift+S", "", "",
               painted),
        Action("mask-holes", "Fill holes", lambda: panel.reshape("holes"), "Ctrl+H", "", "", painted),
        Action("mask-specks", "Remove specks…", lambda: panel.begin("specks"), "", "", "", painted),
        Action("mask-greys", "Keep only greys in range…", lambda: panel.begin("greys"), "",
               "A threshold within the active region", "", painted),
        Action("mask-invert", "Invert", panel.invert, "", "", "",
               lambda s: s.writable and session.regions.active is not None),
        Action("mask-clear", "Clear", session.clear, "Ctrl+Delete",
               "Empty all regions that aren't locked; can be undone", "remove", lambda s: s.writable and anything(s)),
        Action("mask-shown", "Show the mask", toggle_shown, "Shift+Space", "", "",
               has_record, lambda: layer.shown),
        Action("mask-blind", "Blind mode", lambda: blinding.set_on(not blinding.on), "",
               "Hide the model's opinion until the mask is done", "", checked=lambda: blinding.on),
        Action("mask-done", "Mask done", finish, "Ctrl+Return",
               "Mark the case as done; in blind mode show what the model says", "check", can_paint),
        Action("mask-import", "Import mask…", files.import_mask, "",
               "PNG, NumPy, NIfTI, COCO, labelme, DICOM SEG", "", can_paint),
        Action("mask-import-folder", "Import masks of a folder…", files.import_folder, "",
               "Files are matched with the cases by their names, and checked before anything is taken", "",
               lambda s: s.writable and s.open and s.cases > 0),
        Action("mask-export", "Export mask…", files.export_mask, "",
               "PNG, NumPy, NIfTI, COCO, labelme, DICOM SEG", "save", anything),
    )
    # fmt: on
