"""What commands of the command line have in common: options, and what is said on stderr."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from divisive_desktop.errors import NoFaceError, OutOfScopeError, UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.imaging.faces import Framing

CropOption = Annotated[
    str | None, typer.Option(metavar="X,Y,W,H", help="Analyse this part, in pixels. Default: the largest face, or all.")
]
NoFaceOption = Annotated[bool, typer.Option("--no-face", help="Look for no face: analyse the whole picture.")]
AskAnywayOption = Annotated[
    bool, typer.Option("--ask-anyway", help="Answer although an image is out of the model's scope; stays marked.")
]
JsonOption = Annotated[str | None, typer.Option("--json", metavar="FILE", help="Write JSON here, '-': to stdout.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]


def chosen_framing(crop: str | None, no_face: bool) -> Framing | None:
    """The part of the picture that was asked for; None: face models look for the face."""
    from divisive_desktop.imaging.faces import by_hand, whole

    if crop is None:
        return whole() if no_face else None
    parts = crop.split(",")
    if no_face or len(parts) != 4 or not all(p.strip().lstrip("-").isdecimal() for p in parts):
        raise typer.BadParameter("write it as X,Y,W,H in whole pixels, without --no-face", param_hint="--crop")
    x, y, width, height = (int(p) for p in parts)
    if width < 1 or height < 1:
        raise typer.BadParameter("width and height must be positive", param_hint="--crop")
    return by_hand((x, y, width, height))


def say(text: str) -> None:
    """To the person, beside the results on stdout."""
    typer.echo(text, err=True)


def say_failure(file: Path | str, error: UserFacingError) -> None:
    """What went wrong with one file, and what to do."""
    how = ""
    if isinstance(error, NoFaceError):
        how = " (--crop X,Y,W,H, or --no-face)"
    elif isinstance(error, OutOfScopeError):
        how = " (--model ID, --task TASK, or --ask-anyway)"
    say(f"{file}: {error.message} {error.remedy}{how}")
