"""``divisive-desktop models``: what is installed, and whether it is what it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from divisive_desktop.cli.exit_codes import EXIT_FAILED, EXIT_OK
from divisive_desktop.errors import ModelIntegrityError, UserFacingError
from divisive_desktop.foreign.text import plain


def models(
    verify: Annotated[bool, typer.Option("--verify", help="Check hashes, recompute stored answers.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> int:
    """List the installed models; --verify checks weights and stored answers, and whether cards are as released."""
    from divisive_desktop.library import store
    from divisive_desktop.library.release import WORDS, release_state

    found, broken = store.scan_models()
    states = {m.card.id: _verified(m.folder) if verify else None for m in found}
    cards_are = {m.card.id: release_state(m.folder) for m in found} if verify else {}
    if as_json:
        cards = [
            {**asdict(m.card), "shipped": m.shipped, **_checked(m.card.id, states, cards_are)}
            for m in found
        ]
        typer.echo(json.dumps(cards, indent=1, ensure_ascii=False))
    elif not found:
        typer.echo("No models are installed.")
    for m in found if not as_json else ():
        c = m.card
        line = f"{'*' if c.default else ' '} {c.id:28} {c.version:8} {c.task:18} {c.method:18} {c.weights_sha256[:12]}"
        typer.echo(line + ("  verified: weights and stored answer" if verify and states[c.id] is None else ""))
        if verify:
            typer.echo(f"  {'':28} card {WORDS[cards_are[c.id]]}")
    problems = [*broken, *(e for e in states.values() if e is not None)]
    problems += [_tampered(name) for name, state in cards_are.items() if state == "changed"]
    for error in problems:
        typer.echo(plain(f"{error.message} {error.remedy}"), err=True)
    return EXIT_FAILED if problems else EXIT_OK


def _checked(
    name: str, states: Mapping[str, UserFacingError | None], cards_are: Mapping[str, str]
) -> dict[str, str | bool]:
    """What ``--json --verify`` says of a model; nothing without ``--verify``."""
    if name not in cards_are:
        return {}
    return {"verified": states[name] is None and cards_are[name] != "changed", "release": cards_are[name]}


def _tampered(name: str) -> UserFacingError:
    return ModelIntegrityError(
        f"The card of model {name} was changed since its release.",
        "Don't rely on its figures: install the program again, or ask who gave you the model for an untouched one.",
    )


def _verified(folder: Path) -> UserFacingError | None:
    from divisive_desktop.networks.analyse import load_model
    from divisive_desktop.networks.reference import check_reference

    try:
        check_reference(load_model(folder, "cpu"))
    except UserFacingError as e:
        return e
    return None
