"""What commands of the command line have in common: options, and what is said on stderr."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from divisive_desktop.errors import NothingFoundError, OutOfScopeError, UserFacingError
from divisive_desktop.foreign.text import plain

if TYPE_CHECKING:
    from divisive_desktop.engine.worker import Worker
    from divisive_desktop.explanation.decision import Wanted
    from divisive_desktop.imaging.correction import Correction
    from divisive_desktop.imaging.framing import Framing

_MENDS = "invert|turn-left|turn-over|turn-right|mirror"
"""``imaging.correction.MENDS``: importing it would load NumPy and OpenCV, which ``--help`` can do without."""

HIGHEST_RATE = 0.3
"""As in the window's settings; above it an answer says too little to be one."""

CropOption = Annotated[
    str | None,
    typer.Option(metavar="X,Y,W,H", help="Analyse this part, in pixels. Default: the largest face, the iris, or all."),
]
NoFaceOption = Annotated[bool, typer.Option("--no-face", help="Look for no face or iris: analyse the whole picture.")]
AskAnywayOption = Annotated[
    bool, typer.Option("--ask-anyway", help="Answer although an image is out of the model's scope; stays marked.")
]
MendOption = Annotated[
    list[str] | None,
    typer.Option(
        "--mend", metavar=_MENDS, help="Correct the pictures first, one after the other; said in the results."
    ),
]
ModelOption = Annotated[str | None, typer.Option(metavar="ID", help="Default: the default model of the task.")]
TaskOption = Annotated[str | None, typer.Option(help="Question to ask. Default: by the kind of image.")]
ErrorRatesOption = Annotated[
    str | None,
    typer.Option(
        "--error-rates", metavar="NEGATIVE,POSITIVE|settings|card",
        help=f"Accepted share of negatives called positive, and of positives called negative, each above 0 and up to "
        f"{HIGHEST_RATE:g}. Default: the card's; in reports on kept cases: settings.",
    ),
]
JsonOption = Annotated[str | None, typer.Option("--json", metavar="FILE", help="Write JSON here, '-': to stdout.")]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS|local",
        help="Let a Dask cluster do it: tcp://HOST:8786, tls://…, or processes of this machine. With --json a second "
        "call goes on where one ended. See docs/cluster.md.",
    ),
]
SendFilesOption = Annotated[
    bool, typer.Option("--send-files", help="Send the files: the cluster doesn't see them under their paths.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]


def chosen_model(worker: Worker, model: str | None, task: str | None) -> str | None:
    """The model asked for, loaded now so that what is wrong with it is said once; None: chosen by kind of image."""
    from divisive_desktop.library import store
    from divisive_desktop.library.tasks import TASKS

    if task is not None and task not in [t.id for t in TASKS]:
        raise typer.BadParameter(f"the tasks are {', '.join(t.id for t in TASKS)}", param_hint="--task")
    if model is None and task is None:
        return None
    card = store.find_model(model).card if model is not None else store.default_model(str(task)).card
    if task is not None and card.task != task:
        raise typer.BadParameter(f"the model {card.id} answers the task {card.task}", param_hint="--task")
    worker.model(card.id)
    return card.id


def chosen_rates(given: str | None) -> Wanted | None:
    """Error rates at which answers are decided: given as ``.05,.1`` (one for both, ``card`` for either), or those of
    the window's settings; None: the card's."""
    if given is None or given == "card":
        return None
    if given == "settings":
        from divisive_desktop.desktop.session.settings import Settings
        from divisive_desktop.paths import settings_file

        return Settings(settings_file()).rates
    parts = [part.strip() for part in given.split(",")]
    if len(parts) == 1:
        parts *= 2
    try:
        first, second = (None if part == "card" else float(part) for part in parts)
    except ValueError:
        first = second = math.nan
    if not all(rate is None or 0 < rate <= HIGHEST_RATE for rate in (first, second)):
        raise typer.BadParameter(
            f"{given!r} is none of these: two shares above 0 and up to {HIGHEST_RATE:g}, such as 0.05,0.1 (negatives "
            "that may be called positive, and positives that may be called negative), one share for both, 'settings' "
            f"or 'card'. At 0 nothing would ever be decided; above {HIGHEST_RATE:g} an answer would be wrong too often "
            "to be one",
            param_hint="--error-rates",
        )
    return None if first is None and second is None else (first, second)


def chosen_framing(crop: str | None, no_face: bool) -> Framing | None:
    """The part of the picture that was asked for; None: models of faces and irises look for theirs."""
    from divisive_desktop.imaging.framing import by_hand, whole

    if crop is None:
        return whole() if no_face else None
    parts = crop.split(",")
    if no_face or len(parts) != 4 or not all(p.strip().lstrip("-").isdecimal() for p in parts):
        raise typer.BadParameter("write it as X,Y,W,H in whole pixels, without --no-face", param_hint="--crop")
    x, y, width, height = (int(p) for p in parts)
    if width < 1 or height < 1:
        raise typer.BadParameter("width and height must be positive", param_hint="--crop")
    return by_hand((x, y, width, height))


def chosen_correction(mends: Sequence[str] | None) -> Correction:
    """What is to be mended about the pictures."""
    from divisive_desktop.imaging.correction import Correction

    try:
        return Correction.parse("+".join(mends or ()))
    except ValueError as e:
        raise typer.BadParameter(str(e), param_hint="--mend") from e


def say(text: str) -> None:
    """One line to the person, beside the results on stdout; names of files are among it and start no other."""
    typer.echo(plain(text), err=True)


def say_failure(file: Path | str, error: UserFacingError) -> None:
    """What went wrong with one file, and what to do."""
    from divisive_desktop.imaging.correction import suggested_by

    how = asked = ""
    if isinstance(error, NothingFoundError):
        how = " (--crop X,Y,W,H, or --no-face)"
    elif isinstance(error, OutOfScopeError):
        from divisive_desktop.library.tasks import question_of

        asked = f"{question_of(error.asked['task'])} " if error.asked.get("task") else ""
        mend = suggested_by(error.message)
        mends = " ".join(f"--mend {name}" for name in mend.names)
        how = f" ({mends}, or --ask-anyway)" if mend else " (--model ID, --task TASK, or --ask-anyway)"
    say(plain(f"{file}: {asked}{error.message} {error.remedy}{how}"))
