"""The audit chain: what a record is, how it is hashed, and the witness file beside the database."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WITNESS = "chain.log"
GENESIS = "0" * 64
"""``previous`` of the first record."""
SHORT = 20
"""Digits of a hash that people write down."""

FIELDS = (
    "seq", "time", "user", "role", "app", "act", "case_id", "model", "model_version", "model_sha256", "parameters",
    "rows", "previous",
)  # fmt: skip


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _writer() -> Callable[[Any], str]:
    """Canonical JSON of what is in order already. Python's encoder makes its quick half anew for every value, which
    for a record is as much work as writing it: here it is made once."""
    make = getattr(json.encoder, "c_make_encoder", None)
    plain = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    if make is None:
        return plain.encode
    pieces = make(None, plain.default, json.encoder.encode_basestring, None, ":", ",", False, False, False)
    return lambda value: "".join(pieces(value, 0))


_written = _writer()


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal bytes.

    Raises
    ------
    ValueError
        A number is not finite (JSON has no word for it).
    """
    return _CANONICAL.encode(value)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def short(digest: str) -> str:
    """A record's hash for people to write down: its first 20 digits (80 bits) in groups of four."""
    return " ".join(digest[i : i + 4] for i in range(0, min(len(digest), SHORT), 4))


def row_hash(row: Mapping[str, Any]) -> str:
    """SHA-256 of a row's content: canonical JSON of its columns, leaving out those that are NULL.

    Bytes stand there as ``{"sha256": …}``, which no text or number can look like.
    """
    content = {k: {"sha256": sha256(v)} if isinstance(v, bytes) else v for k, v in row.items() if v is not None}
    return sha256(canonical(content).encode())


def row_hasher(names: Sequence[str]) -> Callable[[Sequence[Any]], str]:
    """`row_hash` for many rows with these columns, in half the time."""
    places = [(names[at], at) for at in sorted(range(len(names)), key=names.__getitem__)]

    def hashed(row: Sequence[Any]) -> str:
        content = {name: row[at] for name, at in places if row[at] is not None}
        for name, value in content.items():
            if type(value) is bytes:
                content[name] = {"sha256": sha256(value)}
        return sha256(_written(content).encode())

    return hashed


def values_hash(values: Sequence[Any]) -> str:
    """`record_hash` of a record whose ``FIELDS`` stand here in their order, in half the time."""
    return sha256(_written(list(values)).encode())


def record_hash(record: Mapping[str, Any]) -> str:
    """SHA-256 of an audit record: canonical JSON of ``FIELDS`` in that order. It covers the previous hash."""
    return sha256(canonical([record[name] for name in FIELDS]).encode())


@dataclass(frozen=True)
class AuditRecord:
    """One act, as the chain holds it."""

    seq: int
    time: str
    """UTC, ISO 8601 with microseconds; what the machine's clock said."""
    user: str
    role: str
    app: str
    """Version of this program."""
    act: str
    case_id: int | None
    model: str | None
    model_version: str | None
    model_sha256: str | None
    parameters: Mapping[str, Any]
    rows: tuple[tuple[str, int, str | None], ...]
    """Table, id and content hash of every row that the act left behind; None: the row was deleted."""
    previous: str
    hash: str


class Witness:
    """``chain.log``: one line ``seq hash`` per record, so that cutting off the chain's tail is found.

    It is written after the database has committed: after a crash it may lack the last records, never have more.
    """

    _line = re.compile(rb"([1-9][0-9]*) ([0-9a-f]{64})")

    def __init__(self, folder: Path) -> None:
        self.path = folder / WITNESS
        self._pending = b""

    def append(self, records: list[tuple[int, str]]) -> None:
        """Add lines and flush them to the disk; what can't be written now (disk full) goes with the next ones."""
        self._pending += b"".join(f"{seq} {digest}\n".encode() for seq, digest in records)
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
        try:
            end = os.fstat(fd).st_size
            try:
                view = memoryview(self._pending)
                while view:
                    view = view[os.write(fd, view) :]
                os.fsync(fd)
            except OSError:
                os.ftruncate(fd, end)
                raise
        finally:
            os.close(fd)
        self._pending = b""

    def read(self) -> tuple[list[tuple[int, str]], bytes]:
        """Lines as (seq, hash) up to the first one that isn't whole, and the bytes from there on."""
        data = self.path.read_bytes() if self.path.exists() else b""
        lines: list[tuple[int, str]] = []
        at = 0
        while True:
            end = data.find(b"\n", at)
            match = self._line.fullmatch(data[at:end]) if end >= 0 else None
            if match is None:
                return lines, data[at:]
            lines.append((int(match[1]), match[2].decode()))
            at = end + 1

    def cut(self, rest: bytes) -> None:
        """Take off a line that a crash left half-written."""
        with open(self.path, "r+b") as f:
            f.truncate(f.seek(0, os.SEEK_END) - len(rest))
            f.flush()
            os.fsync(f.fileno())
