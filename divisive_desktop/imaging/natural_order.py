"""The order of names that people expect."""

from __future__ import annotations


def natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts IM2 before IM10."""
    key: list[tuple[int, int, str]] = []
    digits = text = ""
    for char in name.lower() + "\0":
        if char.isdecimal() and char.isascii():
            if text:
                key.append((1, 0, text))
                text = ""
            digits += char
        else:
            if digits:
                key.append((0, int(digits), ""))
                digits = ""
            text += char
    key.append((1, 0, text))
    return key
