"""The command line: its commands, one module each. Heavy libraries are imported inside them: ``--help`` is quick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from divisive_desktop import version as this
from divisive_desktop.cli.analyze import analyze
from divisive_desktop.cli.decision import decision
from divisive_desktop.cli.exit_codes import EXIT_OK
from divisive_desktop.cli.keys import keys
from divisive_desktop.cli.models import models
from divisive_desktop.cli.probes import probes
from divisive_desktop.cli.report import report
from divisive_desktop.cli.selftest import selftest
from divisive_desktop.cli.ship import ship
from divisive_desktop.cli.timestamp import timestamp
from divisive_desktop.cli.training import evaluate, guard, scope, study, train
from divisive_desktop.cli.verify import verify

TEACHING = frozenset({"train", "guard", "scope", "probes", "decision", "evaluate", "study", "ship"})
"""Commands that import torch."""


def _leave(code: int | None, **_: object) -> None:
    """What a command returns is the exit code."""
    raise typer.Exit(code or EXIT_OK)


app = typer.Typer(
    name="divisive-desktop",
    help="See what decided: true- against false-class activation maps. Without a command, or with files only: "
    "opens the window. Research use only, not for diagnosis.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    result_callback=_leave,
)

# As --help lists them.
for command in (
    analyze, models, selftest, verify, timestamp, report, keys, train, guard, scope, probes, decision, evaluate, study,
    ship,
):  # fmt: skip
    app.command()(command)


def run(arguments: Sequence[str]) -> int:
    """Run one command; leaves with ``SystemExit``, an error a user can act on escapes as ``UserFacingError``."""
    app(list(arguments), prog_name="divisive-desktop")
    return EXIT_OK


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    samples: Annotated[bool, typer.Option("--samples", help="Open the window on the sample cases.")] = False,
    safe: Annotated[
        bool, typer.Option("--safe-mode", help="Open the window with default settings and without a graphics card.")
    ] = False,
) -> None:
    if version:
        typer.echo(f"divisive-desktop {this.build()}{'' if this.can_teach() else ' (Viewer: without training)'}")
    elif context.invoked_subcommand in TEACHING:
        this.must_teach(f"The command {context.invoked_subcommand}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())
