"""Text from files can't be anything but text."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from divisive_desktop.foreign.text import plain

_TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


@given(st.text())
def test_nothing_that_a_terminal_or_a_layout_obeys_is_left(text: str) -> None:
    for character in plain(text):
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp"), hex(ord(character))
        assert unicodedata.bidirectional(character) not in _TURNING


def test_what_was_hidden_is_seen() -> None:
    assert plain("a\x1b[2Kb\u202egnp.exe\nc") == "a\\x1b[2Kb\\u202egnp.exe⏎c"
    assert plain("\udcff") == "\\udcff"


def test_lines_stay_where_they_may() -> None:
    assert plain("a\r\nb\tc\x07", lines=True) == "a\nb\tc\\x07"


def test_every_script_stays_readable() -> None:
    text = "Müller 田中 מטופל مريض 𝔘 é 👩‍⚕️"
    assert plain(text) == text
