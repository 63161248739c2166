"""A program installed without the extra says what to install."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from typing import Any

import pytest

from divisive_desktop.errors import ReportError
from divisive_desktop.reporting import needs


def test_what_is_missing_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    needs.check_installed()

    def without(name: str, *rest: Any) -> ModuleSpec | None:
        return None if name in ("fpdf", "keyring") else importlib.util.find_spec(name, *rest)

    monkeypatch.setattr(needs, "find_spec", without)
    with pytest.raises(ReportError, match="installed: fpdf, keyring") as caught:
        needs.check_installed()
    assert "divisive-desktop[reports]" in caught.value.remedy
