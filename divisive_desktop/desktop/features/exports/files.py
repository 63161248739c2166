"""Files of one case, written off the GUI thread."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from divisive_desktop.errors import ExportError

if TYPE_CHECKING:
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.explanation.features import FeatureSet


def write_json(path: Path, analysis: Analysis, label: int | None, features: FeatureSet) -> None:
    """Export one case; the file appears whole or not at all.

    Raises
    ------
    ExportError
        The folder can't be written to.
    """
    from divisive_desktop.explanation.export import analysis_json

    text = json.dumps(analysis_json(analysis, features, label), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as e:
        raise ExportError(f"{path.name} could not be written: {e.strerror}.", "Choose another folder.") from e
