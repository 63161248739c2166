"""Models on disk: one folder each with ``weights.safetensors`` and ``card.json``. Found, verified, saved. Torch-free.

What the weights hash covers
----------------------------
``card.json`` names the SHA-256 of the whole weights file. The weights file in turn carries, in its header, those
fields of the card that decide what a model computes and claims to be: format, task, classes, backbone, network,
method, preprocessing (`identity`). `verify` compares both, so neither the weights nor those fields can be changed
unnoticed by editing one file. Figures, texts, the default mark and the id are notes: they may be edited. Whether they
are those of a release is what `library.release` says, by a hash of the whole card that the makers of this program have
signed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import stat
import struct
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from divisive_desktop import paths
from divisive_desktop.errors import ModelError, ModelIntegrityError, ModelNotFoundError, in_words
from divisive_desktop.foreign.files import MOST_SETTINGS, open_plain, read_whole
from divisive_desktop.foreign.parsing import read_json
from divisive_desktop.library.card import Card, Preprocessing, read_card
from divisive_desktop.library.release import RELEASE, release
from divisive_desktop.library.scope import FILE as SCOPE
from divisive_desktop.library.scope import MOST_BYTES, References, verified_references
from divisive_desktop.library.tasks import TASKS

WEIGHTS, CARD = "weights.safetensors", "card.json"
GUARD = "guard.safetensors"
"""Beside the weights, where there is one: cached features by which a fine-tuned version is checked for what it lost."""
ACTIVE = "active.json"
"""In the folder of the user's models: which model was chosen for each task."""
log = logging.getLogger(__name__)
_IDENTITY_KEY = "divisive-desktop"
MOST_WEIGHTS = 2 << 30
"""Bytes; ours have some tens of megabytes."""
_HEADER_LIMIT = 16 << 20  # ours have some kilobytes
_MOST_BESIDE = 64 << 20
"""Bytes of any other file in a model's folder."""
_REMEDY = "Don't use this model. Import it again from where it came, or choose another one."
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


@dataclass(frozen=True)
class StoredModel:
    """A model folder with a readable card. Its weights are checked by `verify` when it is loaded."""

    card: Card
    folder: Path
    shipped: bool
    """Came with the program; false: the user trained or imported it."""

    @property
    def weights(self) -> Path:
        return self.folder / WEIGHTS

    @property
    def size(self) -> int:
        """Bytes of the weights file, 0 when it is missing."""
        return self.weights.stat().st_size if self.weights.is_file() else 0


# ---- finding --------------------------------------------------------------------------------------------


def scan_models() -> tuple[list[StoredModel], list[ModelIntegrityError]]:
    """All models, shipped ones first, and why other folders can't be used. One bad folder doesn't hide the rest."""
    found: dict[str, StoredModel] = {}
    problems: list[ModelIntegrityError] = []
    for root, shipped in ((paths.shipped_models_dir(), True), (paths.user_models_dir(), False)):
        if not root.is_dir():
            continue
        for folder in sorted(root.iterdir()):
            if folder.name.startswith((".", "_")) or not (folder.is_dir() and (folder / CARD).exists()):
                continue
            try:
                card = read_card(folder / CARD)
            except ModelIntegrityError as e:
                problems.append(e)
                continue
            found.setdefault(card.id, StoredModel(card, folder, shipped))
    return list(found.values()), problems


def find_models(task: str | None = None) -> list[StoredModel]:
    """All usable models, or those of one task; shipped ones first, then by folder name."""
    return [m for m in scan_models()[0] if task is None or m.card.task == task]


def find_model(model_id: str) -> StoredModel:
    """The model of this id.

    Raises
    ------
    ModelNotFoundError
        There is none; the message names those that there are.
    """
    models = find_models()
    for model in models:
        if model.card.id == model_id:
            return model
    known = ", ".join(m.card.id for m in models) or "none"
    raise ModelNotFoundError(f"There is no model {model_id!r}.", f"Choose one of these: {known}.")


def active_models() -> dict[str, str]:
    """The model that was made the active one, by task (`versions.activate`); nothing where no choice was made."""
    try:
        raw = read_json(read_whole(paths.user_models_dir() / ACTIVE, MOST_SETTINGS))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        log.warning("%s can't be read: the default models answer", ACTIVE)
        return {}
    return {str(k): str(v) for k, v in raw.items()} if isinstance(raw, dict) else {}


def default_model(task: str) -> StoredModel:
    """The model that answers ``task`` unless another is chosen.

    That is: the one made active while it is installed; one of the user's marked as default, else the shipped default,
    else the first of the task.

    Raises
    ------
    ModelNotFoundError
        No model of this task is installed.
    """
    found = models_in_use(find_models(task)).get(task)
    if found is None:
        raise ModelNotFoundError(
            f"No model for the task {task} is installed.", "Import one, or train one from a casebook."
        )
    return found


def models_in_use(models: Iterable[StoredModel]) -> dict[str, StoredModel]:
    """By task the one of these models that answers it; which one that is says `default_model`."""
    chosen = active_models()

    def rank(m: StoredModel) -> tuple[bool, bool, bool]:
        wanted = chosen.get(m.card.task)
        return m.card.id != wanted, not m.card.default, m.shipped if m.card.default else not m.shipped

    found: dict[str, StoredModel] = {}
    for m in models:
        if m.card.task not in found or rank(m) < rank(found[m.card.task]):
            found[m.card.task] = m
    return found


def default_task(kind: str) -> str:
    """Task asked of an image of this kind (``radiograph`` or ``photograph``) unless the user chooses.

    The first one of the kind that a model is installed for; where there is none, the first one of the kind.
    """
    fitting = [t for t in TASKS if t.kind == kind]
    if not fitting:
        raise KeyError(f"no task is asked of a {kind}")
    installed = {m.card.task for m in find_models()}
    for task in fitting:
        if task.id in installed and not task.instrument:
            return task.id
    return fitting[0].id


# ---- verifying ------------------------------------------------------------------------------------------


def identity(card: Card) -> dict[str, Any]:
    """The part of a card that the weights file repeats in its header, see the module's text."""
    fields = asdict(card)
    names = ["format", "task", "classes", "backbone", "network", "method", "preprocessing"]
    if card.framing is not None:  # weights written before there was such a rule don't name it
        names.append("framing")
    return {name: fields[name] for name in names}


def verify(folder: Path) -> Card:
    """Check a model folder's weights, and the references of its scope, against its card.

    Raises
    ------
    ModelIntegrityError
        A file is missing or unreadable, a hash differs, or the card doesn't belong to the weights.
    """
    card = verified_bytes(folder)[0]
    read_references(card, folder)
    return card


def verified_bytes(folder: Path) -> tuple[Card, bytes]:
    """Card and the very bytes of the weights file that were checked, so that nothing can change in between.

    Raises
    ------
    ModelIntegrityError
        As `verify`.
    """
    card = read_card(folder / CARD)
    try:
        data = read_whole(folder / WEIGHTS, MOST_WEIGHTS)
    except FileNotFoundError as e:
        raise ModelIntegrityError(f"The model {card.id} has no weights file.", _REMEDY) from e
    except OSError as e:
        raise ModelIntegrityError(f"The weights of model {card.id} can't be read: {in_words(e)}.", _REMEDY) from e
    verify_data(card, data)
    return card, data


def read_references(card: Card, folder: Path) -> References | None:
    """What the card's scope compares images with; None where it names nothing.

    Raises
    ------
    ModelIntegrityError
        The file is missing, unreadable, or isn't the one that the card describes.
    """
    if card.scope is None or card.scope.references is None:
        return None
    try:
        with open_plain(folder / SCOPE) as file:
            data: bytes | None = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        data = None
    except OSError as e:
        raise ModelIntegrityError(f"{SCOPE} of model {card.id} can't be read: {in_words(e)}.", _REMEDY) from e
    return verified_references(card.scope, data, card.id)


def verify_data(card: Card, data: bytes) -> None:
    """Check the content of a weights file against a card.

    Raises
    ------
    ModelIntegrityError
        The hash differs, or the card doesn't belong to the weights.
    """
    actual = hashlib.sha256(data).hexdigest()
    if actual != card.weights_sha256:
        raise ModelIntegrityError(
            f"The weights of model {card.id} are not the ones its card describes: they were damaged or exchanged "
            f"(SHA-256 {actual[:12]}…, the card says {card.weights_sha256[:12]}…).",
            _REMEDY,
        )
    if not _belongs(card, data):
        raise ModelIntegrityError(
            f"The card of model {card.id} was changed in a field that decides what the model computes "
            "(task, classes, backbone, network, method or preprocessing).",
            _REMEDY,
        )


def own_file(folder: Path, name: str) -> bytes | None:
    """A file in a model's folder that goes along with the model; None where there is no plain one.

    A link isn't one: it would take somebody else's file along.

    Raises
    ------
    ModelError
        It is far larger than what belongs to a model, or can't be read.
    """
    place = folder / name
    try:
        if not stat.S_ISREG(place.lstat().st_mode):
            return None
        return read_whole(place, MOST_WEIGHTS if name == WEIGHTS else _MOST_BESIDE)
    except FileNotFoundError:
        return None
    except OSError as e:
        raise ModelError(f"{name} of the model {folder.name} can't be read: {in_words(e)}.", _REMEDY) from e


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _belongs(card: Card, data: bytes) -> bool:
    """Whether the identity in the weights' header is this card's.

    Preprocessing settings that are younger than the file count with their defaults.
    """
    if len(data) < 8:
        return False
    (length,) = struct.unpack("<Q", data[:8])
    if length > min(_HEADER_LIMIT, len(data) - 8):
        return False
    try:
        header = read_json(data[8 : 8 + length])
        written = read_json(header["__metadata__"][_IDENTITY_KEY])
        written["preprocessing"] = asdict(Preprocessing(**written["preprocessing"]))
        return _canonical(written) == _canonical(identity(card))
    except (ValueError, KeyError, AttributeError, TypeError):
        return False


# ---- saving ---------------------------------------------------------------------------------------------


def valid_id(model_id: str) -> bool:
    """Whether a model may be called so: its folder has the same name on every system."""
    return _ID.fullmatch(model_id) is not None


def save_model(
    folder: Path,
    card: Card,
    tensors: Mapping[str, npt.NDArray[Any]] | Path,
    extras: Mapping[str, bytes] | None = None,
    *,
    replace_existing: bool = False,
) -> StoredModel:
    """Write a model folder: all of it appears at once, or nothing does.

    Parameters
    ----------
    folder : Path
        To be made; usually ``paths.user_models_dir() / card.id``.
    card : Card
        Its ``weights_sha256`` is filled in here (give ``""``).
    tensors : mapping of str to ndarray, or Path
        Float16 or float32 arrays by parameter name, or a safetensors file.
    extras : mapping of str to bytes, optional
        Further files by plain name, such as the mean CAM picture.
    replace_existing : bool
        For the scripts that make shipped models. User models are never overwritten.

    Returns
    -------
    StoredModel
        With the completed card.

    Raises
    ------
    ModelError
        The id isn't usable, the folder exists, or it can't be written.
    """
    if not valid_id(card.id):
        raise ModelError(
            f"{card.id!r} can't be the name of a model.", "Use lower-case letters, digits, dots, dashes: chest-xray-2."
        )
    arrays = _read_tensors(tensors) if isinstance(tensors, Path) else dict(tensors)
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    weights = save(contiguous, metadata={_IDENTITY_KEY: _canonical(identity(card))})
    card = replace(card, weights_sha256=hashlib.sha256(weights).hexdigest())
    files = {WEIGHTS: weights, CARD: card.to_json().encode(), **(extras or {})}
    write_folder(folder, files, replace_existing=replace_existing)
    return StoredModel(card, folder, shipped=folder.parent == paths.shipped_models_dir())


def write_folder(folder: Path, files: Mapping[str, bytes], *, replace_existing: bool = False) -> None:
    """Write files into a new folder through a temporary one, flushed to disk and renamed.

    Raises
    ------
    ModelError
        The folder exists already, or the disk refuses.
    """
    exists = ModelError(
        f"A model named {folder.name} exists already.", "Choose another name; saved models are never overwritten."
    )
    if folder.exists() and not replace_existing:
        raise exists
    try:
        private = folder.parent == paths.user_models_dir()  # what is shipped is for everybody
        if private:
            paths.private_folder(folder.parent)
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as e:
        raise _disk_error(folder, e) from e
    try:
        for name, data in files.items():
            with (temporary / name).open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            (temporary / name).chmod(0o600 if private else 0o644)
        temporary.chmod(0o700 if private else 0o755)
        if replace_existing and folder.exists():
            shutil.rmtree(folder)
        try:
            temporary.rename(folder)
        except OSError as e:
            raise (exists if folder.exists() else _disk_error(folder, e)) from e
    except OSError as e:
        raise _disk_error(folder, e) from e
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # gone after the rename; left over only after a failure


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put files into a model's folder, each in one step and in this order, replacing older ones.

    A card that is written anew in a model that was released is said to be unsigned from then on, until it is signed
    again (``build/sign_models.py``); before that it would count as tampered with.

    Raises
    ------
    ModelError
        The disk refuses.
    """
    if CARD in files and RELEASE not in files and (folder / RELEASE).exists():
        files = {**files, RELEASE: release(files[CARD])}
    try:
        for name, data in files.items():
            part = folder / f".{name}.{os.getpid()}"
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, folder / name)
    except OSError as e:
        raise _disk_error(folder, e) from e


def _read_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        arrays: dict[str, npt.NDArray[Any]] = load_file(path)
    except (SafetensorError, OSError) as e:
        raise ModelIntegrityError(
            f"{path.name} holds no weights that can be read: {in_words(e)}.", "Train it again."
        ) from e
    return arrays


def _disk_error(folder: Path, error: OSError) -> ModelError:
    return ModelError(
        f"The model {folder.name} can't be saved: {error.strerror}.",
        "Check free space and permissions, then try again.",
    )
