"""What a worker of the cluster does: small batches of images, answered by the engine's own `Worker`.

A process keeps one `Worker` per device, and its models in a folder of its own inside Dask's scratch space, which goes
with the process: a model of whoever else uses that machine never answers, and nothing of the client's stays there.
"""

from __future__ import annotations

import hashlib
import os
import socket
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from distributed import get_worker

from divisive_desktop import version
from divisive_desktop.engine import dispatch
from divisive_desktop.engine.messages import Analyse, AnalyseBatch
from divisive_desktop.engine.registry import Channel
from divisive_desktop.engine.worker import Worker
from divisive_desktop.errors import ImageAlteredError, UnreadableFileError, UserFacingError, in_words
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.foreign.text import plain
from divisive_desktop.library import store

_LOCK = threading.Lock()
_WORKERS: dict[str, Worker] = {}


@dataclass(frozen=True)
class Need:
    """What a worker must have before it answers."""

    program: str
    """The client's version of this program."""
    device: str
    models: frozenset[str]
    """SHA-256 of the weights of every version that may be asked."""


@dataclass(frozen=True)
class Standing:
    """How a worker stands to what is needed."""

    address: str
    host: str
    program: str
    device: str = ""
    """What it computes on."""
    lacking: frozenset[str] = frozenset()
    error: UserFacingError | None = None
    """Why it can't compute as asked."""


@dataclass(frozen=True)
class Piece:
    """One image of a batch."""

    index: int
    item: Analyse
    size: int | None = None
    """Bytes that the file has where the client sees it; None: the client doesn't."""
    data: bytes | None = None
    """The file itself, where it is sent."""
    known: str | None = None
    """SHA-256 of the file that there is a result for already."""


@dataclass(frozen=True, repr=False)
class Batch:
    need: Need
    pieces: tuple[Piece, ...]

    def __repr__(self) -> str:  # Dask logs what a task was given when it fails: no names of files
        return f"Batch of {len(self.pieces)}"


@dataclass(frozen=True)
class Unchanged:
    """The file is the one that there is a result for."""


Outcome = Analysis | Unchanged | UserFacingError


def standing(need: Need, dask_worker: Any = None) -> Standing:
    """How this worker stands. Dask fills in ``dask_worker`` where it runs this outside a task."""
    dask = dask_worker or get_worker()
    found = Standing(str(dask.address), socket.gethostname(), version.build())
    if found.program != need.program:
        return found
    try:
        with _LOCK:
            _settle(dask)
            if need.device not in _WORKERS:
                _WORKERS[need.device] = Worker(need.device)
            lacking = need.models - {m.card.weights_sha256 for m in store.find_models()}
            return replace(found, device=_WORKERS[need.device].device.kind, lacking=frozenset(lacking))
    except UserFacingError as e:
        return replace(found, error=e)


def take_models(models: Mapping[str, Mapping[str, bytes]], dask_worker: Any = None) -> None:
    """Put models, by id the files of each, where this worker's `Worker` looks for them."""
    dask = dask_worker or get_worker()
    with _LOCK:
        home = _settle(dask)
        for model_id, files in models.items():
            if not store.valid_id(model_id):
                raise ValueError("no id of a model")
            folder = home / "models" / model_id
            if not folder.exists():
                store.write_folder(folder, files)
            store.verify(folder)


def answer(batch: Batch) -> Standing | list[Outcome]:
    """One outcome for each image of the batch, or what this worker lacks."""
    found = standing(batch.need)
    if found.program != batch.need.program or found.lacking or found.error is not None:
        return found
    outcomes: dict[int, Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="divisive-", dir=_settle(get_worker())) as folder:
        asked: list[tuple[int, Analyse]] = []
        for place, piece in enumerate(batch.pieces):
            try:
                file = _file(piece, Path(folder) / str(place))
                if piece.known is not None and _sha256(file) == piece.known:
                    outcomes[place] = Unchanged()
                else:
                    asked.append((place, replace(piece.item, path=str(file))))
            except UserFacingError as e:
                outcomes[place] = e

        def partial(index: int, value: Analysis | None, error: UserFacingError | None) -> None:
            place, _ = asked[index]
            if value is not None:
                outcomes[place] = replace(value, file=batch.pieces[place].item.path)
            elif error is not None:
                outcomes[place] = error

        request = AnalyseBatch(tuple(item for _, item in asked))
        dispatch.answer(_WORKERS[batch.need.device], request, Channel(partial=partial))
    return [outcomes[place] for place in range(len(batch.pieces))]


def _settle(dask: Any) -> Path:
    """This process's own folder for models, cache and files that were sent."""
    home = Path(dask.local_directory) / "divisive-desktop"
    if os.environ.get("DIVISIVE_DESKTOP_HOME") != str(home):
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.environ["DIVISIVE_DESKTOP_HOME"] = str(home)
    return home


def _sha256(file: Path) -> str:
    """The file's hash, '' where it can't be read: the engine says why."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _file(piece: Piece, folder: Path) -> Path:
    """The image where this worker finds it: what was sent is written into ``folder``, under the file's own name."""
    name = PurePath(piece.item.path).name or "image"
    if piece.data is not None:
        folder.mkdir()
        file = folder / name
        try:
            file.write_bytes(piece.data)
        except OSError as e:
            raise UnreadableFileError(
                f"{plain(name)} can't be kept on the worker {socket.gethostname()}: {in_words(e)}.",
                "Make room in Dask's scratch space there (--local-directory).",
            ) from e
        return file
    file = Path(piece.item.path)
    if piece.size is None:  # not there for the client either: the engine says why
        return file
    try:
        size = file.stat().st_size
    except OSError as e:
        raise UnreadableFileError(
            f"{plain(name)} isn't to be seen under its path on the worker {socket.gethostname()}.",
            "Put the files on storage that the workers see under the same path, or add --send-files.",
        ) from e
    if file.is_file() and size != piece.size:
        raise ImageAlteredError(
            f"Another file than {plain(name)} lies under its path on the worker {socket.gethostname()}.",
            "Put the files on storage that the workers see under the same path, or add --send-files.",
        )
    return file
