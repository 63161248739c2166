"""Errors that cross the boundary between processes, or come back from a file, are what they were."""

from __future__ import annotations

import ast
import json
import re
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from divisive_desktop import errors
from divisive_desktop.errors import (
    CancelledError,
    EngineDiedError,
    ImageAlteredError,
    NoFaceError,
    OutOfMemoryError,
    UserFacingError,
    in_words,
)


@pytest.mark.parametrize("kind", [CancelledError, EngineDiedError, ImageAlteredError, NoFaceError, OutOfMemoryError])
def test_an_error_comes_back_as_its_own_class(kind: type[UserFacingError]) -> None:
    back = errors.of(**kind("It happened.", "Do this.").as_dict())
    assert type(back) is kind
    assert (back.message, back.remedy) == ("It happened.", "Do this.")


def test_a_kind_from_a_newer_version_is_still_an_error_that_can_be_read() -> None:
    back = errors.of("not-invented-yet", "It happened.", "Do this.")
    assert type(back) is UserFacingError
    assert (back.message, back.remedy) == ("It happened.", "Do this.")


def test_a_class_without_a_kind_of_its_own_doesn_t_take_its_parent_s_place() -> None:
    class NamelessError(NoFaceError):
        pass

    assert type(errors.of(NamelessError.kind, "It happened.", "Do this.")) is NoFaceError


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (lambda: {}["size"], "“size” is missing in it"),
        (lambda: None.size, "of another kind"),  # type: ignore[attr-defined]
        (lambda: int("x"), "a number in it is none"),
        (lambda: int(float("nan")), "a number in it is none"),
        (lambda: float("1,5"), "a number in it is none"),
        (lambda: int(float("inf")), "beyond all bounds"),
        (lambda: b"\xff".decode(), "it isn't text in UTF-8"),
        (lambda: Path("/nowhere/at all").stat(), "No such file or directory"),
        (lambda: [][1], "of another kind"),
        (lambda: dict(5), "of another kind"),  # type: ignore[call-overload]
        (lambda: json.loads("{"), "property name"),
        (lambda: np.zeros(3).reshape(2, 2), "of another kind"),
        (lambda: cv2.resize(np.zeros((0, 0)), (1, 1)), "its content contradicts itself"),
        (lambda: struct.unpack("<I", b"a"), "its content contradicts itself"),
        (lambda: _raise(ValueError("its size is no size")), "its size is no size"),
        (lambda: _raise(FileNotFoundError("there is no file None.png")), "there is no file None.png"),
        (lambda: _raise(OSError()), "its content contradicts itself"),
        (lambda: _raise(CancelledError("It was stopped.", "Begin again.")), "It was stopped"),
    ],
)
def test_exceptions_are_put_into_words(raised: Callable[[], object], words: str) -> None:
    with pytest.raises(Exception) as found:  # noqa: PT011
        raised()
    said = in_words(found.value)
    assert words in said
    assert not said.endswith(".")
    assert not re.search(r"\w+Error|None$|nan|Traceback", said)


def _raise(error: Exception) -> None:
    raise error


SOURCES = sorted(Path(errors.__file__).parent.rglob("*.py"))
INTERNAL = {"InternalError", "BadMessageError"}
"""Said of bugs, for a log."""


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.parent.name + "/" + p.name)
def test_no_exception_s_own_words_reach_a_user(source: Path) -> None:
    """In whatever is raised for a user, caught exceptions stand in words: `in_words`."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.name is None:
            continue
        for call in ast.walk(handler):
            if not isinstance(call, ast.Call) or _called(call) in INTERNAL or not _for_users(_called(call)):
                continue
            for part in (node for node in ast.walk(call) if isinstance(node, ast.FormattedValue)):
                raw = ast.unparse(part.value)
                assert raw != handler.name, (source.name, call.lineno)
                assert f"type({handler.name})" not in raw, (source.name, call.lineno)
                assert raw != f"{handler.name}.strerror", (source.name, call.lineno)


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _for_users(name: str) -> bool:
    found = getattr(errors, name, None)
    return isinstance(found, type) and issubclass(found, UserFacingError)
