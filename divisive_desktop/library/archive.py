"""Models that travel: one ``.divmodel`` file, a ZIP of a model folder with the hash of every file."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tempfile
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

from divisive_desktop import paths
from divisive_desktop.errors import ModelError, ModelIntegrityError, in_words
from divisive_desktop.foreign.files import read_whole
from divisive_desktop.foreign.parsing import read_json
from divisive_desktop.library.card import parse_card
from divisive_desktop.library.scope import FILE as SCOPE
from divisive_desktop.library.scope import verified_references
from divisive_desktop.library.store import (
    CARD,
    GUARD,
    WEIGHTS,
    StoredModel,
    find_models,
    own_file,
    valid_id,
    verify,
    verify_data,
    write_folder,
)

SUFFIX = ".divmodel"
_HASHES = "hashes.json"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_EXTRAS = (".png", ".json", ".md", ".txt")
_MOST_FILES, _MOST_BYTES, _MOST_BESIDE = 32, 1 << 29, 1 << 26
_STAMP = (1980, 1, 1, 0, 0, 0)  # the same model gives the same archive, byte for byte


def export_model(model: StoredModel, target: Path) -> Path:
    """Write a model as one file.

    Parameters
    ----------
    model : StoredModel
        Is verified first.
    target : Path
        File to write; ``.divmodel`` is added where it lacks. Replaced when it exists (the dialog has asked).

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ModelIntegrityError, ModelError
        The model is damaged; the file can't be written.
    """
    verify(model.folder)
    target = target if target.suffix == SUFFIX else target.with_name(target.name + SUFFIX)
    own = (WEIGHTS, CARD, _HASHES)
    extras = [e.name for e in os.scandir(model.folder) if _extra(e.name) and e.name not in own]
    found = {name: own_file(model.folder, name) for name in (WEIGHTS, CARD, *sorted(extras))}
    files = {name: data for name, data in found.items() if data is not None}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    files[_HASHES] = (json.dumps(hashes, indent=1) + "\n").encode()
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}.", suffix=".part")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as out:
            with zipfile.ZipFile(out, "w") as archive:
                for name, data in files.items():
                    # Weights don't shrink; storing them keeps export and import quick.
                    packing = zipfile.ZIP_STORED if name == WEIGHTS else zipfile.ZIP_DEFLATED
                    archive.writestr(zipfile.ZipInfo(name, _STAMP), data, packing)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(target)
    except OSError as e:
        raise ModelError(
            f"{target.name} can't be written: {in_words(e)}.", "Choose another folder, or make room on the disk."
        ) from e
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return target


def import_model(archive: Path) -> StoredModel:
    """Add a ``.divmodel`` file to the user's models.

    The model is checked in full before anything appears in the folder; it isn't made the default.

    Raises
    ------
    ModelIntegrityError
        The file is damaged, was tampered with, or is no model.
    ModelError
        A model of this id exists already, or the disk refuses.
    """
    files = _read(archive)
    card = parse_card(files[CARD], archive.name)
    verify_data(card, files[WEIGHTS])
    verified_references(card.scope, files.get(SCOPE), card.id)
    existing = next((m for m in find_models() if m.card.id == card.id), None)
    if existing is not None:
        same = existing.card.weights_sha256 == card.weights_sha256
        raise ModelError(
            f"A model named {card.id} is installed already" + (": the same one." if same else "."),
            "Nothing needs to be done." if same else "Remove or rename one of the two.",
        )
    if not valid_id(card.id):
        raise ModelIntegrityError(f"The model in {archive.name} has an unusable name.", "Export it again.")
    folder = paths.user_models_dir() / card.id
    card = replace(card, default=False)
    # The rest of the card stays as it came, letter by letter: a signature may cover it.
    kept = {**json.loads(files[CARD]), "default": False}
    files[CARD] = (json.dumps(kept, indent=1, ensure_ascii=False) + "\n").encode()
    write_folder(folder, {name: data for name, data in files.items() if name != _HASHES})
    return StoredModel(card, folder, shipped=False)


def _extra(name: str) -> bool:
    return name in (GUARD, SCOPE) or Path(name).suffix in _EXTRAS


def _read(archive: Path) -> dict[str, bytes]:
    """All files of an archive, in memory, each checked against its hash."""

    def refuse(why: str) -> ModelIntegrityError:
        return ModelIntegrityError(
            f"{archive.name} can't be imported: {why}.", "Get the file again from where it came from."
        )

    try:
        if archive.stat().st_size > _MOST_BYTES:
            raise refuse("it is far larger than a model")
        data = read_whole(archive, _MOST_BYTES)
    except FileNotFoundError as e:
        raise ModelError(f"There is no file {archive.name}.", "Choose a .divmodel file.") from e
    except OSError as e:
        raise ModelError(f"{archive.name} can't be read: {in_words(e)}.", "Check the file's permissions.") from e
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as content:
            entries = content.infolist()
            names = [entry.filename for entry in entries]
            # Only weights are large: a card of hundreds of megabytes would be unpacked and parsed in memory.
            long = any(entry.file_size > _MOST_BESIDE for entry in entries if entry.filename != WEIGHTS)
            if long or len(entries) > _MOST_FILES or sum(entry.file_size for entry in entries) > _MOST_BYTES:
                raise refuse("it is far larger than a model")
            # Only plain names: nothing may leave the model's folder (..\, absolute paths, drives, links).
            allowed = all(_PLAIN.fullmatch(n) and (n == WEIGHTS or _extra(n)) for n in names)
            packed = all(entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries)
            if not (allowed and packed) or len(set(names)) != len(names):
                raise refuse("it holds files that don't belong to a model")
            if not {WEIGHTS, CARD, _HASHES} <= set(names):
                raise refuse("it lacks the weights, the card or the hashes")
            files = {}
            for entry in entries:
                with content.open(entry) as file:
                    files[entry.filename] = file.read(entry.file_size + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, NotImplementedError, RuntimeError) as e:
        # Damaged, or of a kind that zipfile doesn't read (encrypted, other versions).
        raise refuse("it is damaged or not a .divmodel file") from e
    try:
        hashes = read_json(files[_HASHES])
        fits = all(hashes[n] == hashlib.sha256(d).hexdigest() for n, d in files.items() if n != _HASHES)
    except (ValueError, KeyError, TypeError) as e:
        raise refuse("its list of hashes is unreadable or incomplete") from e
    if not fits:
        raise refuse("a file in it was changed after export")
    return files
