"""JSON from outside, bounded before it is parsed: size, depth and number of values, and no number that isn't finite."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

from divisive_desktop.foreign.text import plain

MOST_BYTES = 16 << 20
"""Unless the caller knows of a good reason for more."""
MOST_DEPTH = 64
MOST_VALUES = 10_000_000
"""A parsed value takes some 30 to 60 bytes."""
_MOST_DIGITS = 25
"""Of a whole number: more than any of 64 bits has."""

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def read_json(text: bytes | str, *, most_bytes: int = MOST_BYTES, finite: bool = True) -> Any:
    """What a JSON text says. An entry that an object has twice is refused: readers differ in which one they take.

    Parameters
    ----------
    text : bytes or str
        Bytes in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.
    most_bytes : int
        Longer texts are refused.
    finite : bool
        Refuse NaN and infinite numbers, however they are written.

    Raises
    ------
    ValueError
        Not JSON, or beyond one of the bounds: the only exception, whatever the text.
    """
    if len(text) > most_bytes:
        raise ValueError(f"it is longer than {most_bytes:,} bytes")
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text))
    text = text.removeprefix("\ufeff")
    _check_depth(text)
    try:
        if finite:
            return json.loads(
                text, parse_float=_finite, parse_int=_whole, parse_constant=_finite, object_pairs_hook=_object
            )
        return json.loads(text, parse_int=_whole, object_pairs_hook=_object)
    except RecursionError as e:
        raise ValueError("it is nested too deeply") from e


def _check_depth(text: str) -> None:
    bare = _STRING.sub("", text)
    if bare.count(",") + bare.count("[") + bare.count("{") > MOST_VALUES:
        raise ValueError(f"it holds more than {MOST_VALUES:,} values")
    depth = 0
    for found in _BRACKET.finditer(bare):
        depth += 1 if found[0] in "[{" else -1
        if depth > MOST_DEPTH:
            raise ValueError("it is nested too deeply")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"“{plain(twice[:40])}” is there twice")
    return made


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"it holds the number {text[:20]}, which isn't finite")
    return value


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"it holds a number of {len(text)} digits")
    return int(text)
