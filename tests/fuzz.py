"""Mutated files of every format that is read: each gives a result or an error in words, and ends nothing.

Each case runs in a forked child with a limit for memory and time, some dozens in one child; what a child dies of, hangs
on or lets escape is told with the file that did it. Linux only.

Run: ``python tests/fuzz.py [--cases 10000] [--seed 0] [--kinds images,masks] [--keep FOLDER]``
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import hashlib
import io
import json
import logging
import os
import random
import resource
import select
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLD = ROOT / "tests" / "data" / "v0_1_0"
MEMORY = 6 << 30
SECONDS = 30
CHUNK = 40

INTERESTING = (
    b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x80", b"\n", b'"', b"[", b"{", b"-", b"1e999",
    b"NaN", b"99999999999999999999", b"../", b"\x1b[2K", b"<img src=x>", "\u202e".encode(),
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """Files of one kind: what they are made from, and what reads them."""

    seeds: tuple[tuple[str, bytes], ...]
    """Name and bytes."""
    read: Callable[[Path], object]


@dataclass
class Outcome:
    """What came of a run."""

    cases: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


# ---- what is read ---------------------------------------------------------------------------------------------


def kinds(folder: Path) -> dict[str, Kind]:
    """All kinds; makes their seeds below a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "images": Kind(tuple(_images()), _read_image),
        "masks": Kind(tuple(_masks(folder)), _read_mask),
        "casebooks": Kind(tuple(_casebooks(folder)), _read_casebook),
        "models": Kind(((("m.divmodel", (OLD / "exchange.divmodel").read_bytes())),), _read_model),
        "reports": Kind(tuple((p.name, p.read_bytes()) for p in sorted((OLD / "Reports").iterdir())), _read_report),
        "archives": Kind(tuple(_archives()), _read_archive),
        "cards": Kind(tuple(_cards()), _read_card),
        "indexes": Kind(tuple(_indexes()), _read_index),
        "settings": Kind(tuple(_settings()), _read_settings),
        "databases": Kind(tuple(_databases(folder)), _read_database),
    }


def _images() -> Iterator[tuple[str, bytes]]:
    from PIL import Image
    from pydicom.data import get_testdata_file

    for name in ("MR_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm",
                 "SC_rgb_small_odd.dcm", "SC_rgb_jpeg_gdcm.dcm", "image_dfl.dcm", "examples_palette.dcm"):  # fmt: skip
        path = get_testdata_file(name, download=False)
        if path:
            yield name, Path(str(path)).read_bytes()
    noise = Image.effect_noise((64, 48), 60)
    for kind, mode in (("PNG", "RGB"), ("PNG", "I;16"), ("JPEG", "RGB"), ("TIFF", "RGB"), ("TIFF", "L"), ("GIF", "P"),
                       ("WEBP", "RGBA"), ("BMP", "RGB"), ("JPEG2000", "RGB")):  # fmt: skip
        buffer = io.BytesIO()
        (noise.convert("I;16") if mode == "I;16" else noise.convert("RGB").convert(mode)).save(buffer, kind)
        yield f"x.{kind.lower()}", buffer.getvalue()


def _masks(folder: Path) -> Iterator[tuple[str, bytes]]:
    import numpy as np
    from pydicom.data import get_testdata_file

    from divisive_desktop.masks.files import write_mask
    from divisive_desktop.masks.formats.common import Options
    from divisive_desktop.masks.mask import Mask

    pixels = np.zeros((64, 64), np.uint8)
    pixels[10:40, 20:50] = 255
    mask = Mask.from_array(pixels, "one")
    region = mask.add("two")
    with mask.editing(region.id, (1, 1, 9, 9)) as part:
        part[:] = 200
    source = Path(str(get_testdata_file("MR_small.dcm", download=False)))
    for name, kind, options in (
        ("m.png", "png", Options()), ("n.png", "png", Options(bits=16)), ("m.npy", "npy", Options()),
        ("m.nii", "nifti", Options()), ("m.nii.gz", "nifti", Options()), ("m.json", "coco", Options()),
        ("p.json", "coco", Options(polygons=True)), ("l.json", "labelme", Options()),
        ("q.json", "labelme", Options(polygons=True)), ("m.dcm", "dicom-seg", Options(source=source)),
    ):  # fmt: skip
        write_mask(folder / name, mask, kind, options)
        yield name, (folder / name).read_bytes()


def _casebooks(folder: Path) -> Iterator[tuple[str, bytes]]:
    from divisive_desktop.casebook import Casebook

    shutil.copytree(OLD / "Divisive" / "Old.casebook", folder / "Old.casebook")
    with Casebook.open(folder / "Old.casebook") as book:
        book.transfer.export_zip(folder / "book.zip")
    yield "book.zip", (folder / "book.zip").read_bytes()


def _archives() -> Iterator[tuple[str, bytes]]:
    """ZIPs of pictures, as patients bring them."""
    from pydicom.data import get_testdata_file

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("MR_small.dcm", "SC_rgb_small_odd.dcm", "image_dfl.dcm"):
            file.writestr(f"study/{name}", Path(str(get_testdata_file(name, download=False))).read_bytes())
    yield "study.zip", buffer.getvalue()


def _cards() -> Iterator[tuple[str, bytes]]:
    for name in ("card.json",):
        with zipfile.ZipFile(OLD / "exchange.divmodel") as file:
            yield name, file.read(name)
    for path in sorted((ROOT / "models").glob("*/card.json")):
        yield path.name, path.read_bytes()


def _indexes() -> Iterator[tuple[str, bytes]]:
    """Lists of training images."""
    rows = "".join(f"{i}.png,{i % 2},{('train', 'val', 'test')[i % 3]},m{i}.png,g{i}\n" for i in range(9))
    yield "index.csv", f"file,label,split,mask,group\n{rows}".encode()


def _settings() -> Iterator[tuple[str, bytes]]:
    for name in ("settings.ini", "report.json", "known-keys.json"):
        yield name, (OLD / "Divisive" / name).read_bytes()


def _databases(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Of casebooks: as 0.1.0 wrote it, and of this version (`_casebooks` made it)."""
    for path in (OLD / "Divisive" / "Old.casebook", folder / "Old.casebook"):
        yield "casebook.sqlite", (path / "casebook.sqlite").read_bytes()


def _read_image(path: Path) -> object:
    from divisive_desktop.imaging.kind import guess_kind
    from divisive_desktop.imaging.metadata import read_metadata
    from divisive_desktop.imaging.opening import open_image

    record = open_image(path, max_pixels=32_000_000)
    guess_kind(path)
    read_metadata(path)
    return record.pixels.max()


def _read_mask(path: Path) -> object:
    from divisive_desktop.masks.files import read_mask

    return read_mask(path, (64, 64), resample=True).digest()


def _read_casebook(path: Path) -> object:
    from divisive_desktop.casebook import Casebook, import_zip, verify

    book_path = import_zip(path, path.parent / "in.casebook")
    verify(book_path)
    with Casebook.open(book_path, accept_import=True) as book:
        for row in book.cases.rows():
            assert row.tags is not None
            book.masks.load(row.id)
            if row.thumbnail:
                book.cases.thumbnail(row.thumbnail)
            if row.analysis is not None:
                book.analyses.load(row.analysis)
        book.audit.trail()
        return book.originals.check()


def _read_database(path: Path) -> object:
    """A database in the folder of a casebook that somebody opens without importing it."""
    from divisive_desktop.casebook import Casebook, verify
    from divisive_desktop.casebook.tables.listing import LIST_SORTS, ListFilter, ListView

    folder = path.parent / "theirs.casebook"
    shutil.copytree(OLD / "Divisive" / "Old.casebook", folder)
    (folder / "seal.json").unlink(missing_ok=True)
    shutil.copyfile(path, folder / "casebook.sqlite")
    report = verify(folder)
    with Casebook.open(folder, read_only=hash(path.read_bytes()) % 2 == 0) as book:
        for row in book.cases.rows():
            assert row.tags is not None
            row.brief()
            book.analyses.rows(row.id)
            book.masks.load(row.id)
            book.measurements.load(row.id)
            if row.thumbnail:
                book.cases.thumbnail(row.thumbnail)
            if row.analysis is not None:
                book.analyses.load(row.analysis).divergence(0)
        book.listing.groups(ListView())
        for sort in LIST_SORTS:
            book.listing.find(ListFilter(text="a"), ListView(), sort)
        book.analyses.framings()
        book.audit.trail()
        for run in book.runs.rows():
            book.runs.cases(run.id)
        book.originals.check() if book.read_only is None else None
    return report


def _read_model(path: Path) -> object:
    from divisive_desktop.library.archive import import_model
    from divisive_desktop.library.versions import tree

    try:
        return import_model(path)
    finally:
        tree()


def _read_report(path: Path) -> object:
    from divisive_desktop.reporting.verify import verify_file

    return verify_file(path, known_models={}, known_keys={}).as_text()


def _read_archive(path: Path) -> object:
    from divisive_desktop.imaging.archive import unpack
    from divisive_desktop.imaging.collection import collect
    from divisive_desktop.imaging.scan import scan

    found = list(unpack(path, path.parent / "unpacked"))
    assert all((path.parent / "unpacked") in one.parents for one in found)
    return collect(found), list(scan([path], unpack_to=path.parent / "again"))


def _read_card(path: Path) -> object:
    """A card that lies in the models folder, beside weights that it doesn't fit."""
    from divisive_desktop import paths
    from divisive_desktop.library import release, store, versions

    folder = paths.user_models_dir() / "mutated"
    folder.mkdir(parents=True)
    shutil.copyfile(path, folder / "card.json")
    with zipfile.ZipFile(OLD / "exchange.divmodel") as file:
        file.extract("weights.safetensors", folder)
    models, broken = store.scan_models()
    versions.tree()
    for model in models:
        if model.folder == folder:
            versions.compare(model, models[0])
            release.release_state(folder)
            return model.card.ref
    if broken:
        raise broken[0]
    return None  # hidden behind a shipped one of the same name


def _read_index(path: Path) -> object:
    from PIL import Image

    from divisive_desktop.training.dataset import read_index

    for number in range(9):
        for name in (f"{number}.png", f"m{number}.png"):
            Image.new("L", (8, 8), number * 20 + 1).save(path.parent / name)
    return read_index(path.parent)


def _read_settings(path: Path) -> object:
    if path.suffix == ".ini":
        from divisive_desktop.desktop.session import settings_table
        from divisive_desktop.desktop.session.settings import Settings

        found = Settings(path)
        table = [row for row in vars(settings_table).values() if isinstance(row, settings_table.Setting)]
        return [found.get(row) for row in table]
    from divisive_desktop import paths
    from divisive_desktop.reporting import keys, options

    target = paths.user_data_dir() / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    return options.load_last(), keys.known_keys()


# ---- mutation -------------------------------------------------------------------------------------------------


def mutated(name: str, data: bytes, rng: random.Random) -> bytes:
    """The bytes with some changed; packed files are changed inside, too, with sums that fit."""
    inside = rng.random() < 0.7
    if name.endswith(".sqlite"):
        return _database_mutated(data, rng) if rng.random() < 0.85 else _bytes_mutated(data, rng)
    if inside and data[:2] == b"PK":
        return _zip_mutated(data, rng)
    if inside and data[:2] == b"\x1f\x8b":
        return gzip.compress(_bytes_mutated(gzip.decompress(data), rng), 1)
    if inside and name.endswith(".json"):
        return _json_mutated(data, rng)
    return _bytes_mutated(data, rng)


def _bytes_mutated(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    head = min(len(data), 600)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(head if rng.random() < 0.5 else max(1, len(changed)))
        what = rng.random()
        if what < 0.4:
            changed[at : at + 1] = bytes([rng.randrange(256)])
        elif what < 0.6:
            part = rng.choice(INTERESTING)
            changed[at : at + len(part)] = part
        elif what < 0.7:
            changed[at:at] = rng.choice(INTERESTING) * rng.choice((1, 3, 400))
        elif what < 0.8:
            del changed[at : at + rng.choice((1, 8, 200))]
        elif what < 0.9:
            del changed[at:]
        else:
            length = rng.choice((4, 40, 400))
            changed[at:at] = changed[rng.randrange(max(1, len(changed))) :][:length]
        if not changed:
            break
    return bytes(changed)


def _json_mutated(data: bytes, rng: random.Random) -> bytes:
    document = json.loads(data)
    places: list[tuple[object, object]] = []

    def walk(value: object) -> None:
        pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in pairs:
            places.append((value, key))
            walk(inner)

    walk(document)
    odd = (
        None, -1, 0, 2**62, 2**64, 10**30, 1e308, float("inf"), float("nan"), "", "x" * 1000, "\x1b[2K\u202e", [], {},
        [[]], True, {"a": 1}, [1, 2], "../../etc/passwd", "/dev/zero", [[[[[[]]]]]],
    )  # fmt: skip
    for _ in range(rng.choice((1, 1, 2, 5))):
        holder, key = rng.choice(places)
        try:
            if rng.random() < 0.15:
                del holder[key]  # type: ignore[attr-defined]
            else:
                holder[key] = rng.choice(odd)  # type: ignore[index]
        except (LookupError, TypeError):
            continue  # went with one before
    if rng.random() < 0.03:
        return b"[" * 100_000 + json.dumps(document).encode()
    return json.dumps(document).encode()


def _database_mutated(data: bytes, rng: random.Random) -> bytes:
    """Cells with other values in them, JSON in them changed, or definitions that the program doesn't make."""
    odd: tuple[object, ...] = (
        None, -1, 0, 2, 2**62, 1e308, float("inf"), float("-inf"), "", "x" * 200_000, b"", b"\x00\xff", "NaN",
        "\x1b[2K\u202e", "[]", "{}", "[[", "/dev/zero", "../../etc/passwd", "//host/share/x",
        "0" * 64, "[" * 300 + "]" * 300,
    )  # fmt: skip
    tricks = (
        "CREATE VIEW v AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
        "CREATE TRIGGER t AFTER INSERT ON audit BEGIN DELETE FROM labels; END", "CREATE TABLE t (x)", "DROP TABLE cams",
        "ALTER TABLE cases ADD COLUMN more TEXT AS (hex(notes))", "CREATE INDEX i ON cases (hex(notes))",
        "ALTER TABLE users RENAME TO people", "DROP TRIGGER audit_no_delete", "PRAGMA user_version = 2",
        "PRAGMA application_id = 7", "PRAGMA journal_mode = DELETE", "DELETE FROM models", "DELETE FROM settings",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "x.sqlite"
        place.write_bytes(data)
        connection = sqlite3.connect(place, isolation_level=None)
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for trigger in ("audit_no_update", "audit_no_delete"):
            text = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (trigger,)).fetchone()[0]
            connection.execute(f"DROP TRIGGER {trigger}")
            tricks = (*tricks, text)
        for _ in range(rng.choice((1, 1, 2, 4))):
            table = rng.choice(tables)
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            column, last = rng.choice(columns), connection.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0]
            if not last:
                continue
            row = rng.randint(1, last)
            held = connection.execute(f'SELECT "{column}" FROM {table} WHERE rowid = ?', (row,)).fetchone()
            value = rng.choice(odd)
            if held and isinstance(held[0], str) and held[0][:1] in "[{" and len(held[0]) > 4 and rng.random() < 0.7:
                value = _json_mutated(held[0].encode(), rng).decode("utf-8", "replace")
            with contextlib.suppress(sqlite3.Error, OverflowError):
                connection.execute(f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?', (value, row))
        for statement in tricks[-2:] if rng.random() < 0.85 else (*tricks[-2:], rng.choice(tricks)):
            with contextlib.suppress(sqlite3.Error):
                connection.execute(statement)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return place.read_bytes()


def _zip_mutated(data: bytes, rng: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        files = {name: old.read(name) for name in old.namelist()}
    sums_name = "manifest.json" if "manifest.json" in files else "hashes.json"
    victim = rng.choice(sorted(files))
    change = _json_mutated if victim.endswith(".json") and rng.random() < 0.7 else _bytes_mutated
    files[victim] = change(files[victim], rng)
    if victim != sums_name:
        try:
            sums = json.loads(files[sums_name])
            sums.get("files", sums)[victim] = hashlib.sha256(files[victim]).hexdigest()
            files[sums_name] = json.dumps(sums).encode()
        except (ValueError, TypeError, KeyError, AttributeError):
            pass  # that is how it is then
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name, content in files.items():
            new.writestr(name, content)
    return buffer.getvalue()


# ---- running --------------------------------------------------------------------------------------------------


def run(cases: int, seed: int, wanted: tuple[str, ...] = (), keep: Path | None = None) -> Outcome:
    """So many cases of the kinds that are wanted (all of them), as many of each."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        work = Path(name)
        os.environ["DIVISIVE_DESKTOP_HOME"] = str(work / "home")
        known = kinds(work / "seeds")
        chosen = [kind for kind in known if not wanted or kind in wanted]
        for kind in chosen:
            at, end = 0, -(-cases // len(chosen))
            while at < end:
                at = _child(known[kind], kind, at, min(at + CHUNK, end), seed, work, outcome, keep)
    return outcome


def case_of(kind: Kind, number: int, seed: int) -> tuple[str, bytes]:
    """The bytes of one case; the same ones at each run."""
    rng = random.Random(f"{seed}-{number}")
    name, data = kind.seeds[number % len(kind.seeds)]
    return name, mutated(name, data, rng)


def _child(
    kind: Kind, title: str, first: int, last: int, seed: int, work: Path, outcome: Outcome, keep: Path | None
) -> int:
    """Runs cases in a child; returns the number of the next one to run."""
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(receive)
        _work(kind, first, last, seed, work / "case", send)
    os.close(send)
    at, buffer = first, b""
    deadline = time.monotonic() + 4 * SECONDS
    while at < last:
        ready, _, _ = select.select([receive], [], [], max(0.0, deadline - time.monotonic()))
        block = os.read(receive, 65536) if ready else b""
        if not block:
            break
        buffer += block
        while b"\n" in buffer:
            line, _, buffer = buffer.partition(b"\n")
            said = line.decode("utf-8", "replace")
            outcome.cases[title] += 1
            if said == "ok":
                outcome.read[title] += 1
            elif said == "refused":
                outcome.refused[title] += 1
            else:
                _fail(outcome, kind, title, at, seed, said, keep)
            at += 1
            deadline = time.monotonic() + 4 * SECONDS
    if at < last:
        os.kill(pid, signal.SIGKILL)
    os.close(receive)
    _, status = os.waitpid(pid, 0)
    if at < last:
        outcome.cases[title] += 1
        hung = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        _fail(outcome, kind, title, at, seed, f"{'hung or ' if hung else ''}died, status {status}", keep)
        at += 1
    return at


def _fail(outcome: Outcome, kind: Kind, title: str, number: int, seed: int, said: str, keep: Path | None) -> None:
    name, data = case_of(kind, number, seed)
    outcome.failures.append(f"{title} {number} ({name}): {said}")
    print(outcome.failures[-1], flush=True)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{title}-{number}-{name}").write_bytes(data)


def _work(kind: Kind, first: int, last: int, seed: int, folder: Path, send: int) -> None:
    from divisive_desktop.errors import UserFacingError

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    for number in range(first, last):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        os.environ["DIVISIVE_DESKTOP_HOME"] = str(folder / "home")
        name, data = case_of(kind, number, seed)
        (folder / name).write_bytes(data)
        signal.alarm(4 * SECONDS)
        start = time.process_time()
        try:
            kind.read(folder / name)
            said = "ok"
        except UserFacingError as e:
            said = "refused" if e.kind != "internal" and e.remedy else f"internal: {e.message}"
        except BaseException as e:  # noqa: BLE001  that is what is looked for
            where = traceback.extract_tb(e.__traceback__)[-1]
            said = f"{type(e).__name__}: {str(e)[:120]!r} at {Path(where.filename).name}:{where.lineno}"
        if time.process_time() - start > SECONDS:
            said = f"took {time.process_time() - start:.0f} s"
        signal.alarm(0)
        os.write(send, said.replace("\n", " ").encode("utf-8", "replace") + b"\n")
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default="", help="some of them, with commas between")
    parser.add_argument("--keep", type=Path, help="folder for the files that did it")
    arguments = parser.parse_args()
    start = time.monotonic()
    outcome = run(arguments.cases, arguments.seed, tuple(filter(None, arguments.kinds.split(","))), arguments.keep)
    for kind, number in outcome.cases.items():
        print(f"{kind:<10} {number:6} files: {outcome.read[kind]:6} read, {outcome.refused[kind]:6} refused in words")
    print(f"{sum(outcome.cases.values())} files in {time.monotonic() - start:.0f} s, {len(outcome.failures)} failures")
    raise SystemExit(bool(outcome.failures))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
