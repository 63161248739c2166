"""JSON from outside: whatever it is, the answer is its value or ValueError."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from divisive_desktop.foreign import parsing
from divisive_desktop.foreign.parsing import read_json

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None)
@given(_VALUES, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]), st.booleans())
def test_what_json_writes_is_read(value: object, encoding: str, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert read_json(text) == value
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert read_json(text.encode(encoding)) == value


@pytest.mark.parametrize(
    "text",
    [
        b"", b"\xff\xfe\xfa", b"{", b"[1,]", b'{"a": NaN}', b"[Infinity]", b"[1e999]", b"[-1e999]", b"9" * 5000,
        b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 70 + b"1" + b"}" * 70, b"\xed\xa0\x80",
    ],
)  # fmt: skip
def test_everything_else_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_json(text)


def test_brackets_in_strings_are_no_depth() -> None:
    deep = "[" * 500 + '\\"' + "{" * 500
    assert read_json(json.dumps([deep])) == [deep]


def test_bounds_are_looked_at_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "MOST_VALUES", 1000)
    text = b"[" + b"[]," * 300_000 + b"[]]"
    tracemalloc.start()
    with pytest.raises(ValueError, match="values"):
        read_json(text)
    assert tracemalloc.get_traced_memory()[1] < 4 * len(text)  # parsed it would take twenty times its length
    with pytest.raises(ValueError, match="longer"):
        read_json(text, most_bytes=1000)
    tracemalloc.stop()


def test_numbers_that_are_not_finite_pass_where_they_may() -> None:
    assert read_json("[Infinity]", finite=False) == [float("inf")]
