"""What a check found out about a file, in lines that the file itself can't forge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from divisive_desktop.foreign.text import plain

State = Literal["holds", "broken", "unknown"]
LONGEST = 1000
"""Characters of one finding that are shown; what is quoted from a file may be longer."""
_SHOWN = {"holds": "  holds   ", "broken": "  BROKEN  ", "unknown": "  unknown "}


@dataclass(frozen=True)
class Finding:
    """One statement about a file.

    It quotes the file, which may be an attacker's: line ends, escape sequences and marks that turn the direction of
    writing are shown as signs, so that a title can neither add a finding nor hide one.
    """

    state: State
    what: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "what", quoted(self.what))


@dataclass(frozen=True)
class Verification:
    """All that could be checked."""

    findings: tuple[Finding, ...]
    vouched: bool = False
    """A key whose owner is known here signed exactly these bytes; without that, whoever made the file is unknown."""

    @property
    def ok(self) -> bool:
        """Nothing is broken, and the seal at least was there to check."""
        return bool(self.findings) and all(f.state != "broken" for f in self.findings)

    def as_text(self) -> str:
        return "\n".join(_SHOWN[f.state] + f.what for f in self.findings)


def quoted(text: str) -> str:
    """One line without characters that steer a terminal, a label or the direction of writing."""
    line = plain(text[: LONGEST + 1])
    return line if len(text) <= LONGEST else f"{line[:LONGEST]}…"
