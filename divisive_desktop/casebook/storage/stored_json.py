"""JSON in a casebook's rows: we wrote it, or somebody else did who gave us the casebook."""

from __future__ import annotations

import json
from typing import Any

from divisive_desktop.errors import CasebookDamagedError, in_words
from divisive_desktop.foreign.parsing import read_json

_SHORT = 200
"""Characters in which nothing can be too deep or too long: most of the texts, read the quick way."""
_MOST_BYTES = 256 << 20


def stored_json(text: str, kind: type = object) -> Any:
    """What a row's JSON says.

    Parameters
    ----------
    kind : type
        What it has to be: ``dict`` or ``list``.

    Raises
    ------
    CasebookDamagedError
        It isn't JSON such as the program writes.
    """
    try:
        found = json.loads(text) if len(text) < _SHORT else read_json(text, most_bytes=_MOST_BYTES, finite=False)
        if not isinstance(found, kind):
            raise ValueError(f"it holds a {type(found).__name__} in place of a {kind.__name__}")
        return found
    except (ValueError, TypeError) as e:
        raise CasebookDamagedError(
            f"A row of the casebook can't be read ({in_words(e)}).",
            "Check the casebook with: divisive-desktop verify CASEBOOK; restore a backup or a copy of its folder.",
        ) from e
