"""Versions of models: which came from which, which one answers, what was thrown away. Torch-free.

::

    stored = keep(Path(result.folder))            # a finished run's model becomes one of the user's
    for node in tree("chest-xray"): …             # parents before children; node.depth, node.active
    activate(stored.card.id)                      # analyses of its task use it from now on
    roll_back(stored.card.id)                     # … or its parent again
    for row in compare(a, b): …                   # (name, value in a, value in b)
    thrown = trash(stored.card.id); restore(thrown); empty_trash()

A version is never changed: its folder is written once, moved as a whole, and its id isn't used again while it lies in
the trash. Old analyses keep naming the version that made them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from divisive_desktop import paths
from divisive_desktop.errors import ModelError, ModelNotFoundError, VersionGoneError, in_words
from divisive_desktop.explanation.analysis import ModelRef
from divisive_desktop.explanation.statement import version_of
from divisive_desktop.foreign.parsing import read_json
from divisive_desktop.library.card import read_card
from divisive_desktop.library.store import (
    ACTIVE,
    CARD,
    StoredModel,
    active_models,
    find_model,
    find_models,
    models_in_use,
    own_file,
    valid_id,
    verify,
    write_folder,
)

_TRASH = ".trash"


@dataclass(frozen=True)
class Version:
    """A model version and its place in the tree."""

    model: StoredModel
    parent: str | None
    """Id of the version it was trained from; None: trained from ImageNet's weights."""
    parent_missing: bool
    """The parent isn't installed (any more): the version stands at the top of a tree of its own."""
    depth: int
    active: bool
    """Analyses of its task use it."""


def tree(task: str | None = None) -> list[Version]:
    """All versions, or those of one task: every parent directly before its children, oldest first."""
    models = {m.card.id: m for m in find_models(task)}
    answering = {task: m.card.id for task, m in models_in_use(models.values()).items()}
    children: dict[str | None, list[StoredModel]] = {}
    for m in models.values():
        # A card may be edited: a version that names itself or its own child as parent must still be listed.
        parent = m.card.parent if m.card.parent in models and not _loops(m.card.id, models) else None
        children.setdefault(parent, []).append(m)
    found: list[Version] = []

    def add(parent: str | None, depth: int) -> None:
        for m in sorted(children.get(parent, ()), key=lambda m: (not m.shipped, m.card.created, m.card.id)):
            missing = m.card.parent is not None and m.card.parent not in models
            active = answering[m.card.task] == m.card.id
            found.append(Version(m, m.card.parent, missing, depth, active))
            add(m.card.id, depth + 1)

    add(None, 0)
    return found


def _loops(model_id: str, models: Mapping[str, StoredModel]) -> bool:
    seen: set[str] = set()
    at: str | None = model_id
    while at is not None and at in models:
        if at in seen:
            return True
        seen.add(at)
        at = models[at].card.parent
    return False


def next_id(task: str, method: str) -> str:
    """A free id for a new version: ``chest-xray-difference-2``; ids in the trash count as taken."""
    stem = re.sub(r"[^a-z0-9.-]+", "-", f"{task}-{method}".lower())
    taken = {m.card.id for m in find_models()} | {t.card.id for t in trashed()}
    number = 1
    while f"{stem}-{number}" in taken or (paths.user_models_dir() / f"{stem}-{number}").exists():
        number += 1
    return f"{stem}-{number}"


def keep(folder: Path, model_id: str | None = None) -> StoredModel:
    """Make a run's model folder one of the user's versions; the run's own folder stays as it is.

    Parameters
    ----------
    folder : Path
        Of the new model, see ``FineTuneResult.folder``; verified first.
    model_id : str, optional
        Another id than the card's.

    Raises
    ------
    ModelIntegrityError, ModelError
        The folder is damaged; the id isn't usable or taken; the disk refuses.
    """
    card = verify(folder)
    wanted = model_id or card.id
    if not valid_id(wanted):
        raise ModelError(
            f"{wanted!r} can't be the name of a model.", "Use lower-case letters, digits, dots, dashes: chest-xray-2."
        )
    if any(m.card.id == wanted for m in [*find_models(), *trashed()]):
        raise ModelError(
            f"There is a version {wanted} already, here or in the trash.", "Choose another name for the new one."
        )
    found = {place.name: own_file(folder, place.name) for place in folder.iterdir()}
    files = {name: data for name, data in found.items() if data is not None}
    if wanted != card.id:
        raw = read_json(files[CARD])  # the id is a note on the card, see `store`: the weights stay what they are
        files[CARD] = (json.dumps({**raw, "id": wanted}, indent=1, ensure_ascii=False) + "\n").encode()
    target = paths.user_models_dir() / wanted
    write_folder(target, files)
    return StoredModel(read_card(target / CARD), target, shipped=False)


# ---- which one answers ----------------------------------------------------------------------------------


def activate(model_id: str) -> None:
    """Let analyses of the model's task use it: the one place where that is kept, for window and command line.

    Raises
    ------
    ModelNotFoundError, ModelError
    """
    card = find_model(model_id).card
    _write_active({**active_models(), card.task: card.id})


def installed(wanted: ModelRef) -> StoredModel:
    """The installed model with the very weights of a version, whatever its folder is called by now.

    Raises
    ------
    VersionGoneError
        It isn't installed any more.
    """
    same = [m for m in find_models(wanted.task) if m.card.weights_sha256 == wanted.weights_sha256]
    if not same:
        raise VersionGoneError(
            f"The model {version_of(wanted)}, which this work began with, isn't installed any more.",
            "Install it again and try again, or analyse these images anew with the version in use.",
        )
    return next((m for m in same if m.card.id == wanted.id), same[0])


def deactivate(task: str) -> None:
    """Choose none for a task: its default model answers again.

    Raises
    ------
    ModelError
    """
    chosen = dict(active_models())
    if chosen.pop(task, None) is not None:
        _write_active(chosen)


def roll_back(model_id: str) -> StoredModel:
    """Make a version's parent the active one again and return it. The version itself stays.

    Raises
    ------
    ModelNotFoundError
        It has no parent, or the parent isn't installed.
    """
    card = find_model(model_id).card
    if card.parent is None:
        raise ModelNotFoundError(f"{model_id} has no parent to go back to.", "Choose another version in the tree.")
    parent = find_model(card.parent)
    activate(parent.card.id)
    return parent


def _write_active(chosen: Mapping[str, str]) -> None:
    folder = paths.user_models_dir()
    try:
        paths.private_folder(folder)
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{ACTIVE}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(dict(chosen), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, folder / ACTIVE)
    except OSError as e:
        raise ModelError(
            f"The choice of the active model can't be saved: {in_words(e)}.", "Check free space and permissions."
        ) from e


# ---- trash ----------------------------------------------------------------------------------------------


def trash(model_id: str) -> Path:
    """Move one of the user's versions to the trash; if it was active, the task's default answers again.

    Returns
    -------
    Path
        For `restore`.

    Raises
    ------
    ModelError
        It came with the program, or the disk refuses.
    """
    model = find_model(model_id)
    if model.shipped:
        raise ModelError(f"{model_id} came with the program and can't be deleted.", "Make another version active.")
    folder = paths.user_models_dir() / _TRASH
    target = folder / model.folder.name
    try:
        folder.mkdir(exist_ok=True)
        model.folder.rename(target)
    except OSError as e:
        raise ModelError(f"{model_id} can't be moved to the trash: {in_words(e)}.", "Close what uses it.") from e
    chosen = dict(active_models())
    if chosen.get(model.card.task) == model_id:
        del chosen[model.card.task]
        _write_active(chosen)
    return target


def trashed() -> list[StoredModel]:
    """What lies in the trash and can be restored."""
    folder = paths.user_models_dir() / _TRASH
    if not folder.is_dir():
        return []
    return [StoredModel(read_card(f / CARD), f, shipped=False) for f in sorted(folder.iterdir()) if (f / CARD).exists()]


def restore(folder: Path) -> StoredModel:
    """Bring a version back from the trash.

    Raises
    ------
    ModelError
        A model of this id is installed, or the disk refuses.
    """
    card = read_card(folder / CARD)
    target = paths.user_models_dir() / card.id
    if target.exists() or any(m.card.id == card.id for m in find_models()):
        raise ModelError(f"A model named {card.id} is installed.", "Delete or rename that one first.")
    try:
        folder.rename(target)
    except OSError as e:
        raise ModelError(f"{card.id} can't be restored: {in_words(e)}.", "Check free space and permissions.") from e
    return StoredModel(card, target, shipped=False)


def empty_trash() -> int:
    """Delete what lies in the trash for good; returns how many versions that were."""
    gone = trashed()
    for model in gone:
        shutil.rmtree(model.folder)
    return len(gone)


# ---- comparing ------------------------------------------------------------------------------------------


def compare(a: StoredModel, b: StoredModel) -> list[tuple[str, Any, Any]]:
    """Where two versions differ: (name, value in a, value in b), nested names joined with dots.

    Settings, figures, data and words of their cards; histories and lists of cases are left to the cards themselves.
    """
    left, right = _flat(_about(a)), _flat(_about(b))
    names = [*left, *(name for name in right if name not in left)]
    return [(n, left.get(n), right.get(n)) for n in names if left.get(n) != right.get(n)]


def _about(model: StoredModel) -> dict[str, Any]:
    c = model.card
    training = {k: v for k, v in c.training.items() if k not in ("history", "cases")}
    return {
        "id": c.id, "version": c.version, "parent": c.parent, "method": c.method, "author": c.author,
        "created": c.created, "weights": c.weights_sha256[:12], "training": training, "metrics": c.metrics,
        "calibration": c.calibration, "limits": list(c.limits),
    }  # fmt: skip


def _flat(value: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, item in value.items():
        if isinstance(item, Mapping):
            found |= _flat(item, f"{before}{name}.")
        elif not _long(item):
            found[f"{before}{name}"] = item
    return found


def _long(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and len(value) > 4


__all__ = [
    "Version", "activate", "compare", "deactivate", "empty_trash", "keep", "next_id", "restore", "roll_back", "trash",
    "trashed", "tree",
]  # fmt: skip
