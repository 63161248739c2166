"""JSON as annotation programs write it: any of Unicode's encodings, with or without a mark, and Windows' own."""

from __future__ import annotations

import json
import ntpath
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from divisive_desktop.errors import MaskError
from divisive_desktop.foreign import parsing
from divisive_desktop.foreign.text import plain
from divisive_desktop.masks.formats.common import MOST_JSON

_Described = TypeVar("_Described", bound=Mapping[str, Any])
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def looks_like_json(data: bytes) -> bool:
    """Whether a file begins as a JSON object or array does, in whichever encoding."""
    head = data[:256]
    for mark in _MARKS:
        head = head.removeprefix(mark)
    return head.replace(b"\0", b"").lstrip()[:1] in (b"{", b"[")


def read_json(data: bytes) -> object:
    """What a JSON file holds.

    Raises
    ------
    ValueError
        It isn't JSON, or beyond the bounds of ``foreign.parsing``.
    """
    try:
        text = data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")  # names in an older Windows' encoding; the syntax is ASCII
    value: object = parsing.read_json(text, most_bytes=MOST_JSON)
    return value


def base_name(path: object) -> str:
    """The last part of a path written on any system; '' for what is no text."""
    return ntpath.basename(path) if isinstance(path, str) else ""


def picture_size(
    described: Mapping[str, Any], width: str, height: str, fallback: tuple[int, int] | None
) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Width and height that a file gives for its picture, or those of the case with a note.

    Raises
    ------
    ValueError
        Neither is known.
    """
    if described.get(width) and described.get(height):
        return (int(described[width]), int(described[height])), ()
    if fallback is None:
        raise ValueError("it doesn't say how large its picture is")
    return fallback, ("It doesn't say how large its picture is; the case's size was taken.",)


def pick_picture(pictures: Sequence[_Described], key: str, name: str, wanted: str) -> _Described:
    """The description of the picture that is called ``wanted``, or the only one.

    Parameters
    ----------
    pictures : sequence of mapping
    key : str
        Under which a description has the picture's name.
    name : str
        Of the file, for messages.
    wanted : str
        A picture of the same name but for folders, case or suffix will do.

    Raises
    ------
    MaskError
        There are several, and not exactly one is called like that.
    """

    def called(same: Callable[[str], str]) -> list[_Described]:
        return [p for p in pictures if wanted and same(base_name(p.get(key))) == same(wanted)]

    found = called(str) or called(str.casefold) or called(lambda n: n.rpartition(".")[0].casefold() or n.casefold())
    if not found and len(pictures) == 1:
        found = list(pictures)
    if len(found) != 1:
        raise MaskError(
            f"{name} describes {len(pictures)} images, and {wanted or 'none'} is not the name of exactly one of them.",
            "Choose the file that belongs to this image, or rename the image as it is called there.",
        )
    return found[0]


def counted(names: Sequence[str], one: str, many: str) -> str:
    """How many there are and what they are called: ``2 lines (wire, tip)``."""
    called = plain(", ".join(dict.fromkeys(n for n in names if n)))
    if len(called) > 300:
        called = f"{called[:300]}…"
    return f"{len(names)} {one if len(names) == 1 else many}" + (f" ({called})" if called else "")
