"""Where the program starts. Files or nothing: the window, at once; anything else: the command line.

Only what both need is imported here, because every library that the window doesn't need delays it.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from divisive_desktop.cli.exit_codes import EXIT_FAILED
from divisive_desktop.errors import UserFacingError
from divisive_desktop.foreign.text import plain

COMMANDS = frozenset(
    {
        "analyze", "decision", "evaluate", "guard", "keys", "models", "probes", "report", "scope", "selftest", "ship",
        "study", "timestamp", "train", "verify",
    }
)
"""Names of the commands; they win over files of the same name (write ``./models`` to open a folder of that name)."""


WINDOW_OPTIONS = frozenset({"--samples", "--safe-mode"})


class NoDisplayError(UserFacingError):
    kind = "no-display"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program and exit.

    Exit codes: 0 all went well; 1 the job can't be done (an error a user can act on is said on stderr, what happened
    first, then what to do); 2 wrong usage; 3 some files failed and the others are done;
    4 a report isn't broken, but nobody known vouches for it;
    130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not sys.warnoptions:  # libraries' warnings about files are for developers (python -W default)
        warnings.simplefilter("ignore")
    if arguments[:1] == ["--selftest"]:  # as people expect it of an installed program
        arguments[0] = "selftest"
    try:
        if not COMMANDS.intersection(arguments[:1]) and all(_opens_window(argument) for argument in arguments):
            code = _window(arguments)
        else:
            from divisive_desktop.cli.app import run

            code = run(arguments)
    except UserFacingError as e:
        print(f"{plain(e.message)}\n{plain(e.remedy)}", file=sys.stderr)
        code = EXIT_FAILED
    raise SystemExit(code)


def _opens_window(argument: str) -> bool:
    """True for the window's options and for what exists; a mistyped name is the command line's to explain."""
    return argument in WINDOW_OPTIONS or (not argument.startswith("-") and os.path.exists(argument))


def _window(arguments: Sequence[str]) -> int:
    variables = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in variables):
        raise NoDisplayError(
            "There is no display to open a window on.",
            "Log in to a desktop session, or use the command line: divisive-desktop analyze --help.",
        )
    from divisive_desktop.desktop.application import run

    files = [Path(a) for a in arguments if a not in WINDOW_OPTIONS]
    return run(files, samples="--samples" in arguments, safe="--safe-mode" in arguments)
