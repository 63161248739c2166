"""What is said of this machine's devices."""

from __future__ import annotations

import pytest

from divisive_desktop.networks import devices


def test_the_viewer_says_why_a_card_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "can_teach", lambda: False)
    processor, card = devices.found_devices()[:2]
    assert processor.usable
    assert not card.usable
    assert "Viewer" in card.why_not
    assert devices.chosen_device("auto").name == "cpu"
