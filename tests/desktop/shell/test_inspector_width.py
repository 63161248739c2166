"""Whatever the other panels take, nothing in the inspector is cut at its right."""

from __future__ import annotations

from pathlib import Path

from tests.desktop.pages import Page


def test_the_inspector_is_never_narrower_than_what_is_in_it(page: Page, rg1: Path) -> None:
    page.open(rg1)
    page.wait_quiet()
    inspector = page.window.services.inspector
    bar = inspector.verticalScrollBar().sizeHint().width()
    assert inspector.minimumWidth() >= inspector.widget().minimumSizeHint().width() + bar
