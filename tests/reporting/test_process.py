"""The process that makes reports ends with those who ask it."""

from __future__ import annotations

import multiprocessing

import pytest

from divisive_desktop.errors import CancelledError
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.process.client import ReportProcess
from divisive_desktop.reporting.process.messages import Look


def test_a_question_that_comes_after_the_end_begins_no_process() -> None:
    process = ReportProcess((), None, lambda *_: ())
    process.close()
    with pytest.raises(CancelledError):
        process.ask(Look(Options()), lambda: False)
    assert process.pid is None
    assert not [child for child in multiprocessing.active_children() if child.name == "divisive-reports"]
