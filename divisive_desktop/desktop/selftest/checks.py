"""What else must work in an installed program, apart from the window: decoders, learning, exports.

Each check returns what it saw, in a few words, or raises a ``UserFacingError`` that says what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from divisive_desktop import paths
from divisive_desktop.engine.finetuning.messages import FineTune, FineTuneResult, Side, TrainingCase
from divisive_desktop.errors import UserFacingError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.imaging import ImageRecord, open_image
from divisive_desktop.library.store import default_model, default_task

LOSSY = {"htj2k": 4, "jpeg-2000": 4, "jpeg-baseline": 4, "jpeg-extended": 16, "jpeg-ls-near": 4}
"""File in ``resources/selftest`` -> largest allowed difference, in grey levels of the file; 0 where it isn't named."""
_REFERENCE = "explicit-little"
STEPS = 5
_SIDES: tuple[Side, ...] = ("train",) * 10 + ("holdout",) * 4
_SIDE = 256
"""Pixels."""

Ask = Callable[[Any], Any]
"""Sends a request to the engine, and waits for its answer."""


class CheckError(UserFacingError):
    """Something that an installed program must be able to do, it can't."""

    kind = "selftest"

    def __init__(self, message: str) -> None:
        super().__init__(message, "Install the program again; if that doesn't help, send the log (Help > Save log…).")


def decoders() -> str:
    """Every transfer syntax that ships as a sample is decoded to the picture that all of them hold."""
    files = sorted((paths.resources_dir() / "selftest").glob("*.dcm"))
    if len(files) < 2:
        raise CheckError("The sample files of the transfer syntaxes are missing.")
    expected = open_image(files[0].with_name(f"{_REFERENCE}.dcm")).stored.astype(np.int64)
    wrong: list[str] = []
    libraries: set[str] = set()
    for file in files:
        try:
            record = open_image(file)
        except UserFacingError as e:
            wrong.append(e.message)
            continue
        libraries.add(record.decoder.split()[0])
        stored = record.stored.astype(np.int64)
        same_depth = expected if stored.max() > 255 else np.round(expected / 4095 * 255).astype(np.int64)
        difference = int(np.abs(stored - same_depth).max()) if stored.shape == same_depth.shape else 1 << 16
        if difference > LOSSY.get(file.stem, 0):
            wrong.append(f"{file.stem} is decoded wrongly (off by {difference}).")
    if wrong:
        raise CheckError(f"{len(wrong)} of {len(files)} transfer syntaxes can't be read: {' '.join(wrong)}")
    return f"{len(files)} transfer syntaxes, by {', '.join(sorted(libraries))}"


def fine_tuning(ask: Ask, folder: Path) -> str:
    """Five optimiser steps on pictures made for it; the new version's weights must differ from its parent's."""
    made = _cases(folder / "cases")
    base = default_model(default_task("radiograph")).card.id
    request = FineTune(
        base=base, cases=made, folder=str(folder / "run"), epochs=STEPS,
        advanced={"copies": 1, "batch": len(made), "ema": 0.0, "patience": 0},
    )  # fmt: skip
    result: FineTuneResult = ask(request)
    if result.model.weights_sha256 == result.base.weights_sha256:
        raise CheckError("Fine-tuning changed nothing.")
    losses = [epoch.loss for epoch in result.history]
    if len(losses) != STEPS or not np.isfinite(losses).all():
        raise CheckError(f"Fine-tuning was to go {STEPS} steps; its losses are {losses}.")
    return f"{len(losses)} steps on {result.device}, loss {losses[0]:.3f} to {losses[-1]:.3f}"


def _cases(folder: Path) -> tuple[TrainingCase, ...]:
    """Noise; in half of the pictures a bright disc, which the mask names."""
    from PIL import Image

    from divisive_desktop.casebook.storage.blobs import hash_file

    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    cases = []
    for number in range(len(_SIDES)):
        label = number % 2
        row, column = rng.integers(_SIDE // 3, _SIDE * 2 // 3, 2)
        disc = (x - column) ** 2 + (y - row) ** 2 < (_SIDE // 8) ** 2
        grey = rng.normal(110, 25, disc.shape) + 60 * label * disc
        file, mask = folder / f"{number}.png", folder / f"{number}-mask.png"
        Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(file)
        Image.fromarray(disc.astype(np.uint8) * 255).save(mask)
        cases.append(TrainingCase(
            number, str(file), 0, hash_file(file), label, _SIDES[number], str(number), str(mask), hash_file(mask),
        ))  # fmt: skip
    return tuple(cases)


def exports(analyse: Callable[[ImageRecord], Analysis], sample: Path, folder: Path) -> str:
    """A sealed PDF and DICOM objects of a real case; the seal is checked and the objects are opened again."""
    from pydicom import dcmread

    from divisive_desktop.reporting.items import image_case
    from divisive_desktop.reporting.options import Options
    from divisive_desktop.reporting.produce import produce
    from divisive_desktop.reporting.verify import verify_file

    options = Options(formats=("pdf", "dicom"))
    case = image_case(sample, analyse, options)
    made = produce([(case.name, case.content)], options, folder, dicom=[case.dicom])
    if made.failures:
        raise made.failures[0][1]
    pdf = [f for f in made.files if f.suffix == ".pdf"]
    dicom = [f for f in made.files if f.suffix == ".dcm"]
    if len(pdf) != 1 or not dicom:
        raise CheckError(f"The report should be a PDF and DICOM objects, and is {[f.name for f in made.files]}.")
    if not all(verify_file(file, sample).ok for file in (*pdf, *dicom)):
        raise CheckError("The seal of a report that was just written doesn't hold.")
    kinds = sorted({str(dcmread(file, stop_before_pixels=True).Modality) for file in dicom})
    return f"PDF of {pdf[0].stat().st_size / 1000:.0f} kB, seal holds; DICOM {', '.join(kinds)}"
