"""Has a Dask cluster analyse images: greets its workers, sends them what they lack, and collects what they answer.

Dask gives the batches of a worker that died to others, until its scheduler's ``allowed-failures`` is exceeded. Images
of such a batch are tried once more at the end, each alone, so that the one that its workers die of is told from those
that lay beside it; that one is reported as failed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import time
import uuid
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError as FutureCancelled
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster
from distributed.comm.addressing import parse_address
from distributed.comm.registry import get_backend
from distributed.scheduler import KilledWorker
from distributed.security import Security

from divisive_desktop import version
from divisive_desktop.engine.cluster import tasks
from divisive_desktop.engine.cluster.tasks import Batch, Need, Piece, Standing, Unchanged
from divisive_desktop.engine.messages import Analyse
from divisive_desktop.engine.registry import Channel
from divisive_desktop.errors import (
    CancelledError,
    ClusterError,
    InternalError,
    StopsEngineError,
    UserFacingError,
    in_words,
)
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.foreign.text import plain
from divisive_desktop.library import store
from divisive_desktop.library.scope import FILE as SCOPE

log = logging.getLogger(__name__)
LOCAL = "local"
"""In place of an address: processes of this machine."""
_MOST = 8
"""Images in a batch: more are lost with a worker, fewer wait for more messages."""
_MOST_BYTES = 64 << 20
"""Of files that are sent, in one batch."""
_AHEAD = 2
"""Batches for each thread of the cluster: one that it works on, one that waits there."""
_PATIENCE_S = 10.0
_LOOK_S = 2.0
"""How often is counted who works."""
_GONE = "What was answered is kept; the same command again goes on from there."


class Cluster:
    """A connection to a Dask scheduler, or to processes of this machine.

    Parameters
    ----------
    address : str
        ``tcp://host:8786``, ``tls://…``, or ``local``. How TLS is done is in Dask's own settings.

    Raises
    ------
    ClusterError
        Nothing answers there.
    """

    def __init__(self, address: str) -> None:
        for name in [*logging.root.manager.loggerDict]:  # what they say of lost connections is said in our words
            if name.partition(".")[0] in ("distributed", "tornado"):
                logging.getLogger(name).setLevel(logging.CRITICAL)
        self._address = plain(address)
        self._run = f"divisive-{uuid.uuid4().hex[:12]}"
        self._local: Any = None
        self._given: dict[str, frozenset[str]] = {}
        if address != LOCAL:
            _check(address)
        try:
            if address == LOCAL:
                # One death, then once more alone: two tries.
                with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
                    self._local = LocalCluster(
                        n_workers=max(2, min(16, (os.cpu_count() or 2) // 2)), threads_per_worker=1,
                        dashboard_address=None, security=True, silence_logs=logging.CRITICAL,
                    )  # fmt: skip
            self._client = Client(self._local or address, timeout=_PATIENCE_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError, TypeError, RuntimeError, ImportError) as e:
            if self._local is not None:
                self._local.close()
            raise ClusterError(
                f"No cluster answers at {self._address}.",
                "Look whether the scheduler runs, and whether its address begins with tcp:// or tls:// as it says at "
                "its start; docs/cluster.md tells how.",
            ) from e

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        for what in (self._client, self._local):
            if what is not None:
                with contextlib.suppress(Exception):  # it may be gone already
                    what.close()

    @property
    def open_to_listeners(self) -> bool:
        """Whether what is sent could be read on its way."""
        return self._local is None and not self._client.scheduler.address.startswith(("tls://", "wss://", "inproc://"))

    def analyse(
        self, items: Sequence[Analyse], channel: Channel, *, device: str = "auto", send: Iterable[int] = (),
        known: Mapping[int, str] | None = None,
    ) -> int:  # fmt: skip
        """Analyse images; each arrives through ``channel.partial`` as it is done. Returns the number of good ones.

        Parameters
        ----------
        items : sequence of Analyse
            As for this machine.
        device : str
            What the workers compute on.
        send : iterable of int
            Indices of files that the workers don't see; their bytes are sent.
        known : mapping of int to str
            SHA-256 by index of files that there are results for: where the file still is the same, ``partial`` gets
            None and no error.

        Raises
        ------
        ClusterError
            The workers run another version, lack something, or the cluster is gone.
        CancelledError
        """
        versions = tuple(m.card.ref for m in store.models_in_use(store.find_models()).values())
        items = tuple(_pinned(item, versions) for item in items)
        need = Need(version.build(), device, frozenset(v.weights_sha256 for item in items for v in item.versions))
        self._greet(need)
        return _Job(self, items, channel, need, frozenset(send), known or {}).run()

    def submit(self, batch: Batch) -> Any:
        """A future of the batch's outcomes."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that files are large
            key = f"{self._run}-{uuid.uuid4().hex}"
            return self._client.submit(tasks.answer, batch, key=key, pure=False)

    def cancel(self, futures: Iterable[Any]) -> None:
        """Take back what isn't done."""
        with contextlib.suppress(Exception):
            self._client.cancel(list(futures), force=True)

    def threads(self) -> int:
        """Threads that work there now.

        Raises
        ------
        ClusterError
            It is gone.
        """
        try:
            return sum(self._client.nthreads().values())
        except (OSError, TimeoutError, FutureCancelled) as e:
            raise self.gone() from e

    def gone(self) -> ClusterError:
        return ClusterError(f"The cluster at {self._address} is gone.", _GONE)

    def supply(self, found: Standing, need: Need) -> None:
        """Give a worker what it said that it lacks.

        Raises
        ------
        ClusterError
            That can't be given.
        """
        if found.error is not None:
            raise ClusterError(f"The worker on {found.host} can't be used: {found.error.message}", found.error.remedy)
        if found.program != need.program:
            raise ClusterError(
                f"The worker on {found.host} runs version {plain(found.program)}, this machine {need.program}.",
                "Install the same version of the program on the scheduler, the workers and here.",
            )
        if not found.lacking - self._given.get(found.address, frozenset()):
            return
        models = {m.card.id: _files(m) for m in store.find_models() if m.card.weights_sha256 in found.lacking}
        try:
            self._client.run(tasks.take_models, models, workers=[found.address])
        except (OSError, TimeoutError, KeyError, ValueError):  # it died meanwhile; its successor will ask
            return
        except UserFacingError as e:
            raise ClusterError(f"The worker on {found.host} can't take a model: {e.message}", e.remedy) from e
        self._given[found.address] = self._given.get(found.address, frozenset()) | found.lacking

    def _greet(self, need: Need) -> None:
        """Ask the workers that there are how they stand, before anything is analysed."""
        try:
            self._client.wait_for_workers(1, timeout=3 * _PATIENCE_S)
            answers = self._client.run(tasks.standing, need, on_error="return")
        except TimeoutError as e:
            raise ClusterError(
                f"The cluster at {self._address} has no workers.", "Start some; docs/cluster.md tells how."
            ) from e
        except OSError as e:
            raise self.gone() from e
        for found in answers.values():
            if isinstance(found, Standing):
                self.supply(found, need)
            elif isinstance(found, OSError | TimeoutError):
                continue  # it died meanwhile
            else:
                log.error("a worker answered the greeting with %r", found)
                raise unlike()


def _check(address: str) -> None:
    """Refuse what Dask would stumble over for half a minute.

    Raises
    ------
    ClusterError
        It is no address, or one with TLS that Dask's settings name no certificates for.
    """
    scheme = parse_address(address)[0]
    try:
        get_backend(scheme)
        secure = Security().get_connection_args("client")["ssl_context"] is not None
    except ValueError as e:
        raise ClusterError(
            f"{plain(address)} is no address of a cluster.", "Write it as tcp://HOST:8786, tls://HOST:8786, or local."
        ) from e
    except OSError as e:
        raise ClusterError(
            f"The certificates that Dask's settings name can't be used: {in_words(e)}.",
            "Correct distributed.comm.tls there; docs/cluster.md tells how.",
        ) from e
    if scheme in ("tls", "wss") and not secure:
        raise ClusterError(
            f"{plain(address)} is reached by TLS, for which Dask's settings name no certificates.",
            "Name them under distributed.comm.tls there; docs/cluster.md tells how.",
        )


def unlike() -> ClusterError:
    """What the other side couldn't read because it is another program there."""
    return ClusterError(
        "The cluster can't read what this program sends.",
        "Install the same versions of Python and of the program, with its extra 'cluster', on the scheduler, the "
        "workers and here.",
    )


class _Job:
    """One call of `Cluster.analyse`."""

    def __init__(
        self, cluster: Cluster, items: Sequence[Analyse], channel: Channel, need: Need, send: frozenset[int],
        known: Mapping[int, str],
    ) -> None:  # fmt: skip
        self._cluster, self._items, self._channel, self._need = cluster, items, channel, need
        self._send, self._known = send, known
        self._flying: dict[Any, Batch] = {}
        self._landed: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._suspects: list[int] = []
        self._good = self._done = 0
        self._threads, self._counted = cluster.threads(), time.monotonic()
        self._start = time.monotonic()
        self._again: deque[Batch] = deque()
        self._refused: dict[int, int] = {}
        """How often a worker sent a batch back, by its first image."""

    def run(self) -> int:
        try:
            self._fly(self._batches(), alone=False)
            # What lay in a batch that workers died of, one after the other, with nothing else beside it.
            self._fly((self._batch([index]) for index in self._suspects), alone=True)
        finally:
            self._cluster.cancel(self._flying)
        return self._good

    def _fly(self, batches: Iterator[Batch], alone: bool) -> None:
        over = False
        while not (over and not self._flying and not self._again):
            while self._again or (not over and len(self._flying) < (1 if alone else max(2, _AHEAD * self._threads))):
                batch = self._again.popleft() if self._again else next(batches, None)
                if batch is None:
                    over = True
                    break
                future = self._cluster.submit(batch)
                self._flying[future] = batch
                future.add_done_callback(self._landed.put)
            if self._channel.cancelled():
                raise CancelledError
            with contextlib.suppress(queue.Empty):
                self._land(self._landed.get(timeout=0.5), alone)
            self._count()

    def _count(self) -> None:
        """Look who works, now and then, and say it where nobody does."""
        if time.monotonic() - self._counted < _LOOK_S:
            return
        self._counted = time.monotonic()
        self._threads = self._cluster.threads()
        if not self._threads:
            self._channel.progress(self._done / len(self._items), self._said(" (no workers: waiting for some)"), None)

    def _land(self, future: Any, alone: bool) -> None:
        batch = self._flying.pop(future)
        try:
            found = future.result()
        except KilledWorker:
            if not alone:
                self._suspects += [piece.index for piece in batch.pieces]
                return
            name = plain(Path(batch.pieces[0].item.path).name)
            found = [
                StopsEngineError(
                    f"Workers of the cluster stopped whenever they worked on {name}, so it was set aside.",
                    "Look whether the file opens elsewhere, or analyse it on one machine; the workers' logs say more.",
                )
            ]
        except FutureCancelled as e:
            raise self._cluster.gone() from e
        except UserFacingError as e:
            found = [e] * len(batch.pieces)
        except MemoryError as e:
            found = [InternalError.met(e)]
        except Exception as e:  # a bug in an answer, or another program there
            if "serializ" in str(e) or isinstance(e, ImportError):
                log.error("the cluster refused a batch: %r", e)
                raise unlike() from e
            found = [InternalError.met(e)]
        if isinstance(found, Standing):
            self._send_back(found, batch)
            return
        if len(found) < len(batch.pieces):  # something in it failed as nothing should: each alone
            self._suspects += [piece.index for piece in batch.pieces]
            return
        for piece, outcome in zip(batch.pieces, found, strict=True):
            self._tell(piece.index, outcome)
        left = (time.monotonic() - self._start) / self._done * (len(self._items) - self._done)
        self._channel.progress(self._done / len(self._items), self._said(), left)

    def _send_back(self, found: Standing, batch: Batch) -> None:
        first = batch.pieces[0].index
        self._refused[first] = self._refused.get(first, 0) + 1
        if self._refused[first] > 10:
            raise ClusterError(
                f"The worker on {found.host} lacks models although they were sent.",
                "Make room in Dask's scratch space there (--local-directory), or look into its log.",
            )
        self._cluster.supply(found, self._need)
        self._again.append(batch)

    def _tell(self, index: int, outcome: tasks.Outcome) -> None:
        self._done += 1
        if isinstance(outcome, UserFacingError):
            self._channel.partial(index, None, outcome)
            return
        self._good += 1
        self._channel.partial(index, None if isinstance(outcome, Unchanged) else _checked(outcome), None)

    def _said(self, more: str = "") -> str:
        return f"{self._done} of {len(self._items)} images{more}"

    def _batches(self) -> Iterator[Batch]:
        """Batches in the order of the files; small ones where there are few for so many threads."""
        most = max(1, min(_MOST, len(self._items) // max(1, _AHEAD * self._threads)))
        indices: list[int] = []
        size = 0
        for index in range(len(self._items)):
            adds = _size(self._items[index].path) or 0 if index in self._send else 0
            if indices and (len(indices) >= most or size + adds > _MOST_BYTES):
                yield self._batch(indices)
                indices, size = [], 0
            indices.append(index)
            size += adds
        if indices:
            yield self._batch(indices)

    def _batch(self, indices: Sequence[int]) -> Batch:
        return Batch(self._need, tuple(self._piece(index) for index in indices))

    def _piece(self, index: int) -> Piece:
        item, known = self._items[index], self._known.get(index)
        piece = Piece(index, item, _size(item.path), None, known)
        if index in self._send:
            with contextlib.suppress(OSError):  # the engine there says that it isn't to be read
                return replace(piece, data=Path(item.path).read_bytes())
        return piece


def _checked(outcome: object) -> Analysis:
    if not isinstance(outcome, Analysis):
        raise ClusterError("A worker of the cluster sent something else than an analysis.", _GONE)
    return outcome


def _pinned(item: Analyse, versions: tuple[ModelRef, ...]) -> Analyse:
    """The same, with the models that answer named by their hash: an id may mean something else on another machine."""
    if item.model_id is None:
        return replace(item, versions=versions)
    ref = store.find_model(item.model_id).card.ref
    return replace(item, model_id=None, task=ref.task, versions=(ref,))


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _files(model: store.StoredModel) -> dict[str, bytes]:
    """What a model answers with: its card, its weights, and what its scope compares with."""
    wanted = (store.WEIGHTS, store.CARD, SCOPE)
    return {name: (model.folder / name).read_bytes() for name in wanted if (model.folder / name).is_file()}
