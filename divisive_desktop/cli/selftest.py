"""``divisive-desktop selftest``: does everything work here?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def selftest(
    screenshot: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a picture of the window.")] = None,
) -> int:
    """Does everything work here? Window, analysis, decoders, fine-tuning, exports; the exit code is 0 or 1.

    Offscreen unless QT_QPA_PLATFORM says otherwise. Also: divisive-desktop --selftest.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from divisive_desktop.desktop.selftest import run

    return int(run.run(screenshot))
