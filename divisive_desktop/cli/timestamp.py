"""``divisive-desktop timestamp``: a third party says when a casebook's history existed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from divisive_desktop.cli.exit_codes import EXIT_FAILED, EXIT_OK


def timestamp(
    casebook: Annotated[Path, typer.Argument(help="The casebook's folder; no window may have it open.")],
    authority: Annotated[str, typer.Option(metavar="URL", help="A time stamping authority (RFC 3161).")],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before going to the network.")] = False,
) -> int:
    """Have the head of a casebook's chain stamped by an authority; only a hash goes out, and you are asked."""
    from divisive_desktop.casebook import Casebook
    from divisive_desktop.casebook.stamping import over_http, stamp_head

    ask = over_http(authority)
    if not yes and not typer.confirm(
        f"A hash of the casebook's last record, and nothing else, goes to {authority} over the network. Go on?"
    ):
        typer.echo("Nothing was sent.")
        return EXIT_FAILED
    with Casebook.open(casebook) as book:
        seq = book.head()[0]
        stamp = stamp_head(book, ask)
    typer.echo(f"Record {seq} and all before it existed on {stamp.time}, says {stamp.authority}.")
    typer.echo(f"Its certificate has the SHA-256 {stamp.certificate}: compare it with what the authority publishes.")
    return EXIT_OK
