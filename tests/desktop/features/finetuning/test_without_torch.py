"""The Viewer's window, which comes without torch: it says what it lacks where a model would be taught."""

from __future__ import annotations

import pytest

from divisive_desktop import version
from tests.desktop.pages import Page


def test_the_window_says_what_is_missing_and_opens_no_page(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "can_teach", lambda: False)
    page.wait_quiet()
    page.trigger("finetune")
    assert "comes without" in page.messages.newest
    assert "divisive-desktop[training]" in page.messages.newest
    assert page.tuning.dialog is None
    assert version.name() == "Divisive Desktop Viewer"
