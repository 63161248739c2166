"""Errors that cross the boundary between processes, or come back from a file, are what they were."""

from __future__ import annotations

import pytest

from divisive_desktop import errors
from divisive_desktop.errors import (
    CancelledError,
    EngineDiedError,
    ImageAlteredError,
    NoFaceError,
    OutOfMemoryError,
    UserFacingError,
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
