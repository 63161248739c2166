"""Files of one case, written off the GUI thread."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from divisive_desktop.errors import ExportError, in_words
from divisive_desktop.paths import name_within_limits

if TYPE_CHECKING:
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.explanation.decision import Wanted
    from divisive_desktop.explanation.features import FeatureSet


def write_json(
    path: Path, analysis: Analysis, label: int | None, features: FeatureSet, rates: Wanted | None = None
) -> None:
    """Export one case; the file appears whole or not at all.

    Parameters
    ----------
    rates : (float, float), optional
        Error rates at which the answer is decided; None, also for one of the two: the card's.

    Raises
    ------
    ExportError
        The folder can't be written to.
    """
    from divisive_desktop.explanation.export import analysis_json
    from divisive_desktop.explanation.statement import state
    from divisive_desktop.library.tasks import question_of

    stated = state(analysis, question_of(analysis.model.task), rates)
    content = analysis_json(analysis, features, stated, label)
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    partial = path.with_name(name_within_limits(f".{path.name}", ".part"))
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as e:
        raise ExportError(
            f"{path.name} could not be written: {in_words(e)}.", "Choose another folder, or free some space."
        ) from e
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()  # what there is of it would take up the space that was missing
