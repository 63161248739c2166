"""Fine-tuning for real, on a small model: the same weights from the command line, after Cancel, and what goes wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from divisive_desktop.casebook import Casebook
from divisive_desktop.engine import finetuning_data as data
from divisive_desktop.engine.finetuning_command import fine_tune_command
from divisive_desktop.engine.training_messages import EpochDone, FineTune, FineTuneResult, GalleryUpdate
from divisive_desktop.engine.worker import Channel, Worker
from divisive_desktop.errors import CancelledError, UnreadableFileError
from divisive_desktop.library import versions
from divisive_desktop.library.store import GUARD, verify

EPOCHS = 3


@pytest.fixture
def request_(book_path: Path) -> FineTune:
    with Casebook.open(book_path) as book:
        return data.fine_tune_request(book, "tiny-1", epochs=EPOCHS)


def test_window_and_command_line_give_the_same_weights(request_: FineTune, book_path: Path, tmp_path: Path) -> None:
    seen: list[Any] = []
    result: FineTuneResult = Worker("cpu").handle(request_, Channel(partial=lambda i, value, error: seen.append(value)))
    assert [e.epoch for e in seen if isinstance(e, EpochDone)] == [1, 2, 3]
    assert [e.epoch for e in seen if isinstance(e, GalleryUpdate)] == [0, 1, 2, 3]
    assert result.holdout is not None
    assert result.guard is not None
    assert (result.holdout.images, result.holdout.groups, result.guard.images) == (16, 8, 12)
    assert len(result.holdout.cases) == 16
    card = verify(Path(result.folder))
    assert (card.parent, card.weights_sha256) == ("tiny-1", result.model.weights_sha256)
    assert (Path(result.folder) / GUARD).is_file()
    assert versions.keep(Path(result.folder)).card.id == result.model.id

    code, text = fine_tune_command(
        casebook=book_path, base="tiny-1", task=None, out=tmp_path / "by-command", changes={"epochs": EPOCHS},
        device="cpu", say=lambda line: None,
    )  # fmt: skip
    assert code == 0
    assert verify(tmp_path / "by-command").weights_sha256 == result.model.weights_sha256
    assert result.verdict.headline in text
    with Casebook.open(book_path) as book:
        assert [r.state for r in book.runs()] == ["done"]


def test_cancel_keeps_the_last_epoch_and_the_run_goes_on_to_the_same_weights(request_: FineTune) -> None:
    worker = Worker("cpu")
    whole = worker.handle(replace(request_, folder=request_.folder + "-whole"))
    epochs: list[int] = []

    def partial(index: int, value: Any, error: object) -> None:
        if isinstance(value, EpochDone):
            epochs.append(value.epoch)

    with pytest.raises(CancelledError):
        worker.handle(request_, Channel(partial=partial, cancelled=lambda: bool(epochs)))
    stopped = worker.handle(replace(request_, conclude=True))
    assert stopped.kept_epoch == 1
    resumed = worker.handle(request_)
    assert resumed.model.weights_sha256 == whole.model.weights_sha256 != stopped.model.weights_sha256


def test_a_file_that_has_changed_is_not_trained_on(request_: FineTune) -> None:
    Path(request_.cases[0].path).write_bytes(Path(request_.cases[1].path).read_bytes())
    with pytest.raises(UnreadableFileError, match="has changed"):
        Worker("cpu").handle(request_)
