"""Results as a Parquet table, one row an image, for those who read millions of them. Needs the extra ``parquet``."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from divisive_desktop.cli.output import ROOM, OutputError
from divisive_desktop.errors import ClusterError, in_words
from divisive_desktop.foreign.text import plain

_COLUMNS = {
    "file": "string", "sha256": "string", "task": "string", "model": "string", "version": "string",
    "weights_sha256": "string", "answer": "string", "statement": "string", "scope": "string", "probability": "float64",
    "logit_negative": "float64", "logit_positive": "float64", "predicted": "int8", "nearer": "int8",
    "true_class": "int8", "regions": "int32", "error": "string", "error_message": "string", "json": "string",
}  # fmt: skip
"""Name -> type; ``json`` is the whole object, as ``--json`` writes it."""
_ROWS = 1000
"""In a group: so many are held in memory."""


class ParquetTable:
    """A table written group by group. It appears under its name when it is complete.

    After an interruption what was done stays in ``.NAME.part``, a valid table.

    Raises
    ------
    OutputError
        pyarrow isn't installed.
    """

    def __init__(self, target: Path | None) -> None:
        self._path = Path(os.path.realpath(target)) if target is not None else None
        self._rows: list[dict[str, Any]] = []
        self._writer: Any = None
        if self._path is None:
            return
        self._part = self._path.with_name(f".{self._path.name}.part")
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as e:
            raise OutputError(
                "--parquet needs pyarrow, which this installation comes without.",
                "Install the program with pip and the extra that brings it: pip install 'divisive-desktop[parquet]'.",
            ) from e
        self._arrow = pyarrow
        self._schema = pyarrow.schema([(name, getattr(pyarrow, kind)()) for name, kind in _COLUMNS.items()])

    def __enter__(self) -> ParquetTable:
        if self._path is not None:
            try:
                self._writer = self._arrow.parquet.ParquetWriter(self._part, self._schema, compression="zstd")
            except OSError as e:
                raise self._error(e) from e
        return self

    def add(self, item: Mapping[str, Any]) -> None:
        """One row; raises ``OutputError`` where it can't be written."""
        if self._writer is not None:
            self._rows.append(row(item))
            if len(self._rows) >= _ROWS:
                self._write()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._writer is None or self._path is None:
            return
        kept = kind is not None and issubclass(kind, KeyboardInterrupt | ClusterError)
        try:
            if kind is None or kept:
                self._write()
            self._writer.close()
            if kind is None:
                self._part.replace(self._path)
            elif kept:
                print(f"The table of what was done so far is in {plain(self._part)}.", file=sys.stderr)
        except OSError as e:
            raise self._error(e) from e
        finally:
            if not kept:
                with contextlib.suppress(OSError):
                    self._part.unlink(missing_ok=True)

    def _write(self) -> None:
        try:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
        except OSError as e:
            raise self._error(e) from e
        self._rows.clear()

    def _error(self, e: OSError) -> OutputError:
        return OutputError(f"{self._path} can't be written: {in_words(e)}.", ROOM)


def row(item: Mapping[str, Any]) -> dict[str, Any]:
    """A result as it stands in the table; empty where the JSON says nothing."""
    model, error = item.get("model") or {}, item.get("error") or {}
    logits = item.get("logits") or (None, None)
    values = {
        **{name: item.get(name) for name in ("file", "sha256", "task", "answer", "statement", "probability")},
        **{name: item.get(name) for name in ("predicted", "nearer", "true_class")},
        "model": model.get("id"), "version": model.get("version"), "weights_sha256": model.get("weights_sha256"),
        "scope": (item.get("scope") or {}).get("zone"), "logit_negative": logits[0], "logit_positive": logits[1],
        "regions": len(item["features"]) if "features" in item else None,
        "error": error.get("kind"), "error_message": error.get("message"),
        "json": json.dumps(item, ensure_ascii=False, allow_nan=False),
    }  # fmt: skip
    return {name: values[name] for name in _COLUMNS}
