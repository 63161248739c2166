"""Which module answers a request, and what loading that costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from divisive_desktop.engine import dispatch
from divisive_desktop.engine.messages import Cancel, LoadModel
from divisive_desktop.engine.worker import Worker


def test_a_request_is_answered_by_its_module(with_models: object) -> None:
    assert dispatch.answer(Worker("cpu"), LoadModel("seeded-chest")).id == "seeded-chest"


def test_what_nothing_answers_is_a_bug() -> None:
    with pytest.raises(TypeError, match="Cancel"):
        dispatch.answer(Worker("cpu"), Cancel(1))


def test_torch_is_loaded_by_training_only() -> None:
    code = (
        "import sys\n"
        "from divisive_desktop.engine import client, dispatch, entry, registry\n"
        "from divisive_desktop.engine.finetuning import messages, preparation, verdict\n"
        "from divisive_desktop.training import defaults\n"
        "import divisive_desktop.engine.analysis, divisive_desktop.engine.server\n"
        "assert 'torch' not in sys.modules\n"
        "assert 'divisive_desktop.training.loop' not in sys.modules\n"
        "import divisive_desktop.engine.finetuning.handlers\n"
        "assert 'torch' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
