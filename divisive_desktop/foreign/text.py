"""Text from files is shown as text: it can't start a line, erase one, turn its neighbours round or be markup."""

from __future__ import annotations

import logging
import re

_SHOWN = {"\n": "⏎", "\r": "⏎", "\t": "⇥"}
"""Signs for what is common enough in file names and notes to be recognised."""
_UNSAFE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # control characters: a terminal obeys them
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction: they reorder what stands around them
    "\u2028\u2029"  # line and paragraph separators
    "\ufff9-\ufffb\ufeff"  # interlinear annotation, byte order mark
    "\U000e0000-\U000e007f"  # tags: invisible
    "\ud800-\udfff"  # half of a character: bytes of a file name that aren't UTF-8
    "]"
)

_MARKUP = re.compile(r"<(?=[A-Za-z!/?])|&(?=#?\w+;)")


def plain(text: object, lines: bool = False) -> str:
    """Text from a file as it may be put into a label, a terminal, a log or a report: each unsafe character becomes
    a visible sign or an escape such as ``\\x1b``.

    Parameters
    ----------
    text : object
        Whatever has a text.
    lines : bool
        Keep line breaks and tabs: for notes and other text that has a place of its own.
    """
    found = str(text)
    if lines:
        found = found.replace("\r\n", "\n")
        return _UNSAFE.sub(lambda match: match[0] if match[0] in "\n\t" else _sign(match), found)
    return _UNSAFE.sub(_sign, found)


def in_window(text: object, lines: bool = False) -> str:
    """The same for labels, tool tips, menus and questions of the window, which take what looks like HTML for HTML.

    A word joiner, which nobody sees, behind ``<`` and ``&`` keeps Qt from it. Labels that are rich on purpose escape
    instead.
    """
    return _MARKUP.sub("\\g<0>\u2060", plain(text, lines))


def _sign(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SHOWN:
        return _SHOWN[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


class LogLines(logging.Formatter):
    """A record of a log: what files say in it is text, and only its first line begins like one.

    Without that, a name with a line end could add a record that nobody wrote.
    """

    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record), lines=True).replace("\n", "\n  ")
