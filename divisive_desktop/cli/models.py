"""``divisive-desktop models``: what is installed, and whether it is what it says."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from divisive_desktop.cli.exit_codes import EXIT_FAILED, EXIT_OK
from divisive_desktop.errors import UserFacingError


def models(
    verify: Annotated[bool, typer.Option("--verify", help="Check hashes, recompute stored answers.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> int:
    """List the installed models; --verify checks that each is what its card says and answers as it did."""
    from divisive_desktop.library import store

    found, broken = store.scan_models()
    states = {m.card.id: _verified(m.folder) if verify else None for m in found}
    if as_json:
        cards = [
            {**asdict(m.card), "shipped": m.shipped, **({"verified": states[m.card.id] is None} if verify else {})}
            for m in found
        ]
        typer.echo(json.dumps(cards, indent=1, ensure_ascii=False))
    elif not found:
        typer.echo("No models are installed.")
    for m in found if not as_json else ():
        c = m.card
        line = f"{'*' if c.default else ' '} {c.id:28} {c.version:8} {c.task:18} {c.method:18} {c.weights_sha256[:12]}"
        typer.echo(line + ("  verified: weights and stored answer" if verify and states[c.id] is None else ""))
    problems = [*broken, *(e for e in states.values() if e is not None)]
    for error in problems:
        typer.echo(f"{error.message} {error.remedy}", err=True)
    return EXIT_FAILED if problems else EXIT_OK


def _verified(folder: Path) -> UserFacingError | None:
    from divisive_desktop.networks.analyse import load_model
    from divisive_desktop.networks.reference import check_reference

    try:
        check_reference(load_model(folder, "cpu"))
    except UserFacingError as e:
        return e
    return None
