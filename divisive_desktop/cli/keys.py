"""``divisive-desktop keys``: your own signing key, and whose keys you know."""

from __future__ import annotations

from typing import Annotated

import typer

from divisive_desktop.cli.exit_codes import EXIT_OK
from divisive_desktop.foreign.text import plain


def keys(
    public_key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="A public key that somebody gave you (64 hex digits).")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Whose key it is; from then on 'verify' says so.")] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Don't know this key any more.")] = False,
    create: Annotated[bool, typer.Option("--create", help="Make your own signing key now, if you have none.")] = False,
) -> int:
    """Show your public key and those that you know; remember whose a key is."""
    from divisive_desktop.reporting import keys as ring

    if public_key is not None:
        if forget == (name is not None):
            raise typer.BadParameter("with a KEY, give either --name NAME or --forget")
        if forget:
            ring.forget(public_key)
            typer.echo(f"{public_key} isn't known any more.")
        else:
            ring.trust(public_key, str(name))
            typer.echo(f"{public_key} is {plain(name)}'s from now on.")
        return EXIT_OK
    if name is not None or forget:
        raise typer.BadParameter("--name and --forget want a KEY")
    own = ring.load_key(create=create)
    if own is None:
        typer.echo("You have no signing key yet. It is made with the first 'report --sign', or now with --create.")
    else:
        public = ring.public_hex(own)
        typer.echo(f"Your public key: {public}\nFingerprint:     {ring.fingerprint(public)}")
    for public, whose in sorted(ring.known_keys().items(), key=lambda item: item[1]):
        typer.echo(f"{public}  {ring.fingerprint(public)}  {plain(whose)}")
    return EXIT_OK
