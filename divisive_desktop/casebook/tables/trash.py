"""Deleting: first to the trash, then for good, and files that nothing refers to any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from divisive_desktop.casebook.storage.transaction import Store, now
from divisive_desktop.casebook.tables.cases import ids_of


class Trash:
    """The trash (``book.trash``)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, cases: int | Iterable[int]) -> None:
        """Move cases to the trash; everything about them is kept until it is emptied."""
        with self._store.act() as act:
            for case in ids_of(cases):
                act.update("cases", case, {"trashed": now()})
                act.record("trash", case=case)

    def restore(self, cases: int | Iterable[int]) -> None:
        """Take cases out of the trash."""
        with self._store.act() as act:
            for case in ids_of(cases):
                act.update("cases", case, {"trashed": None})
                act.record("restore", case=case)

    def empty(self) -> int:
        """Delete what is in the trash for good, and say so in the audit chain. Returns how many cases.

        Originals that are referred to by path are never touched; imported copies go.
        """
        with self._store.act() as act:
            cases = act.sql("SELECT id, sha256, name FROM cases WHERE trashed IS NOT NULL").fetchall()
            for case, digest, name in cases:
                for table, of in (
                    ("labels", "case_id = ?"),
                    ("masks", "case_id = ?"),
                    ("measurements", "case_id = ?"),
                    ("cams", "analysis_id IN (SELECT id FROM analyses WHERE case_id = ?)"),
                    ("analyses", "case_id = ?"),
                ):
                    for (row,) in act.sql(f"SELECT id FROM {table} WHERE {of}", (case,)).fetchall():
                        act.delete(table, row)
                act.delete("cases", case)
                act.record("delete", case=case, sha256=digest, name=name)
            act.record("empty-trash", cases=len(cases))
        self.collect_garbage()
        return len(cases)

    def collect_garbage(self) -> int:
        """Remove blobs that nothing refers to (superseded masks, deleted cases). Returns how many."""
        with self._store.act() as act:
            removed = self._store.blobs.remove_unused(referenced_blobs(act.sql))
            if removed:
                act.record("collect-garbage", files=removed)
        return removed


def strange_names(run: Callable[[str], Iterable[Any]]) -> list[str]:
    """Names in rows that can't be those of files in ``blobs/``; the first few. Without reading all rows into memory."""
    hashes = " UNION ALL ".join(
        f"SELECT {column} AS name FROM {table} WHERE {column} IS NOT NULL "
        f"AND (length({column}) <> 64 OR {column} GLOB '*[^0-9a-f]*')"
        for table, column in (("cases", "thumbnail"), ("masks", "blob"), ("run_cases", "mask"))
    )
    copies = (
        "SELECT sha256 || copy FROM cases WHERE copy IS NOT NULL AND (length(sha256) <> 64 "
        "OR sha256 GLOB '*[^0-9a-f]*' OR (copy <> '' AND copy NOT LIKE '.%') OR copy LIKE '.%.%' "
        "OR copy LIKE '%/%' OR instr(copy, char(92)) OR copy LIKE '%:%')"
    )
    return [str(row[0]) for row in run(f"{hashes} UNION ALL {copies} LIMIT 3")]


def referenced_blobs(run: Callable[[str], Iterable[Any]]) -> set[str]:
    """Names of the files in ``blobs/`` that rows refer to; ``run`` runs the query."""
    return {
        row[0]
        for row in run(
            "SELECT sha256 || copy FROM cases WHERE copy IS NOT NULL UNION SELECT thumbnail FROM cases "
            "WHERE thumbnail IS NOT NULL UNION SELECT blob FROM masks "
            "UNION SELECT mask FROM run_cases WHERE mask IS NOT NULL"
        )
    }
