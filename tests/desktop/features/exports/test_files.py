"""Files of one case that leave the window."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from divisive_desktop.desktop.features.exports.files import write_json
from divisive_desktop.desktop.session.explaining import find_features
from divisive_desktop.errors import ExportError
from divisive_desktop.explanation.analysis import Analysis


def test_json_appears_whole_or_not_at_all(tmp_path: Path, analysis: Analysis) -> None:
    found = find_features(analysis, 1, None, None)
    target = tmp_path / "case.json"
    write_json(target, analysis, 1, found.features)
    written = json.loads(target.read_text(encoding="utf-8"))
    assert written["true_class_source"] == "label"
    assert written["true_class"] == 1
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(ExportError, match=r"x\.json"):
        write_json(tmp_path / "no such folder" / "x.json", analysis, 1, found.features)
