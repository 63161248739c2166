"""Pictures of many cases on the disk instead of in memory: a report of hundreds of cases needs no more of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from divisive_desktop.errors import ReportError, in_words
from divisive_desktop.reporting.content import CaseContent

_PREFIX = "divisive-report-"


class StoredPictures(Mapping[str, bytes]):
    """Pictures by name, read from the disk when they are asked for."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = dict(files)

    def __getitem__(self, name: str) -> bytes:
        return self._files[name].read_bytes()

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def sweep() -> None:
    """Remove what processes left behind that were killed: the pictures may show somebody."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)  # another user's can't be removed, and needn't


class Spool:
    """A temporary folder (readable by its user only) that holds pictures until the report is written."""

    def __init__(self) -> None:
        sweep()
        self._folder = tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-")
        self._number = 0

    def keep(self, case: CaseContent) -> CaseContent:
        """The same case with its pictures on the disk.

        Raises
        ------
        ReportError
            The disk is full.
        """
        files: dict[str, Path] = {}
        try:
            for name, data in case.pictures.items():
                self._number += 1
                files[name] = Path(self._folder.name, f"{self._number}.png")
                files[name].write_bytes(data)
        except OSError as e:
            raise ReportError(
                f"Pictures for the report could not be put aside: {in_words(e)}.", "Free some space on the disk."
            ) from e
        return replace(case, pictures=StoredPictures(files))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._folder.cleanup()
