"""Hands a request to what answers it, and loads that when it is first needed. Importing this loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from divisive_desktop import version
from divisive_desktop.engine.finetuning.messages import ComparePair, EstimateRun, FineTune, SetPaused, TryMethods
from divisive_desktop.engine.messages import Analyse, AnalyseBatch, FindFaces, LoadModel, ModelInput, Request
from divisive_desktop.engine.registry import HANDLERS, Channel

if TYPE_CHECKING:
    from divisive_desktop.engine.worker import Worker

_ANALYSIS = (Analyse, AnalyseBatch, FindFaces, LoadModel, ModelInput)
_FINETUNING = (ComparePair, EstimateRun, FineTune, SetPaused, TryMethods)


def answer(worker: Worker, request: Request, channel: Channel | None = None) -> Any:
    """Do what is asked and return the result; everything else goes through ``channel``.

    Raises
    ------
    TypeError
        Nothing answers such a request.
    UserFacingError
        As the request's class says.
    """
    _load(request)
    return HANDLERS[type(request)](worker, request, channel or Channel())


def _load(request: Request) -> None:
    """Import the module that answers a request: what analyses doesn't wait for what training needs."""
    if isinstance(request, _ANALYSIS):
        import divisive_desktop.engine.analysis
    elif isinstance(request, _FINETUNING):
        version.must_teach("Fine-tuning")
        import divisive_desktop.engine.finetuning.handlers  # noqa: F401
    else:
        raise TypeError(f"nothing in the engine answers {type(request).__name__}")
