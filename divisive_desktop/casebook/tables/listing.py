"""The worklist's own table: all cases, narrow, in the memory of SQLite, for searching, filtering and sorting by it.

One statement makes it of the casebook's tables when the casebook is opened; acts bring it up to date. So there is
nothing in the casebook's file that would have to be migrated, vouched for, or repaired after a crash (ADR 19).
"""

from __future__ import annotations

import functools
import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from divisive_desktop.casebook.storage import database
from divisive_desktop.casebook.storage.transaction import Store
from divisive_desktop.errors import CasebookError
from divisive_desktop.explanation.decision import RATES, Wanted
from divisive_desktop.explanation.statement import version_in_words
from divisive_desktop.foreign.text import in_window

Ids = npt.NDArray[np.int64]

_ROWS = """
  SELECT c.id, c.frame, shown_name(c.path, c.frame), shown_folder(c.path), places(c.path),
  CASE c.notes WHEN '' THEN '' ELSE folded(c.notes) END, CASE c.tags WHEN '[]' THEN '' ELSE joined(c.tags) END,
  CASE c.tags WHEN '[]' THEN '' ELSE folded(joined(c.tags)) END,
  c.label, c.review, c.seconds, c.file_state, c.added, c.analysis, a.time, a.predicted, a.probability,
  abs(a.logit1 - a.logit0), a.energy, a.model_id, coalesce(k.regions, 0),
  coalesce(instr(a.preprocessing, '"asked_anyway":true'), 0) > 0,
  CASE json_extract(a.preprocessing, '$.scope.zone') WHEN 'familiar' THEN 'familiar'
  WHEN 'unfamiliar' THEN 'unfamiliar' WHEN 'out_of_scope' THEN 'out_of_scope' ELSE 'not_checked' END,
  json_extract(a.preprocessing, '$.decision.p[0]'), json_extract(a.preprocessing, '$.decision.p[1]'),
  json_extract(a.preprocessing, '$.decision.rates[0]'), json_extract(a.preprocessing, '$.decision.rates[1]')
  FROM main.cases c LEFT JOIN main.analyses a ON a.id = c.analysis LEFT JOIN main.masks k ON k.case_id = c.id
  WHERE c.trashed IS NULL
"""
_TABLES = """
  CREATE TABLE list.listed (id INTEGER PRIMARY KEY, frame, name, folder, places, notes, tags, tagged,
    label, review, seconds, file_state, added, analysis, analysed, predicted, probability, margin, energy, model_id,
    regions, insisted, zone, p0, p1, rate0, rate1);
  CREATE VIRTUAL TABLE list.words USING fts5(text, content='', detail='none', tokenize='trigram');
"""
_TEXT = "places || ' ' || notes || ' ' || tagged"
_NUMBER = "'case ' || id || CASE frame WHEN 0 THEN '' ELSE ' [' || (frame + 1) || ']' END"
"""What a case is called while names are hidden."""
_SHORTEST = 3
"""Characters of a word that the index of trigrams can look for; shorter ones are looked for in every row."""
TAG = "\x1f"
"""Stands between tags: no tag holds it on the screen, and it sorts before whatever one does."""


@dataclass(frozen=True)
class ListFilter:
    """Which cases are wanted; everything that is given must hold. '' and None: it doesn't matter."""

    text: str = ""
    """Every word must occur in name, folder, verdict, review state, notes or tags."""
    state: str = "all"
    """``all``, ``failed``, ``unlabelled``, ``unanalysed``, ``disagree``, ``undecided`` or what a review state is
    called on the screen."""
    verdict: str = ""
    """``1``, ``0``, ``undecided`` or ``none``."""
    version: str = ""
    """``in use`` or ``other``."""
    label: str = ""
    """``1``, ``0``, ``any``, ``none``, ``agrees`` or ``differs``."""
    mask: str = ""
    """``yes`` or ``no``."""
    file: str = ""
    """``ok``, ``missing``, ``altered`` or ``unreadable``."""
    model: str = ""
    """Id and version, as `explanation.statement.version_in_words` writes them."""
    tag: str = ""
    agreement: tuple[float, float] | None = None
    """Lowest and highest share of the divergence inside the mask, 0..1."""
    since: str = ""
    """Added then or later: UTC, ISO 8601. Compared as text."""
    until: str = ""
    """Added before."""


@dataclass(frozen=True)
class ListView:
    """How the analyst sees the list now: what the answers are called, and what is hidden."""

    rates: Wanted | None = None
    """Error rates that the analyst accepts; None: what the models' cards state."""
    in_use: Mapping[str, str] = field(default_factory=dict)
    """By task the SHA-256 of the weights that answer now."""
    blind: bool = False
    """The models' opinion is hidden on cases whose mask isn't done."""
    revealed: frozenset[int] = frozenset()
    """But for these."""
    names_hidden: bool = False
    """Cases go by their number."""
    reviews: Mapping[str, str] = field(default_factory=dict)
    """What the review states are called on the screen -> what they are called in the casebook."""


class Group(NamedTuple):
    """Cases of which the same is said in the list."""

    key: str
    number: int
    example: int
    """Id of one of them."""


class Listing:
    """Searches, filters and sorts the cases that aren't in the trash. It may be used from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._pooled: object = None
        """What SQLAlchemy wrapped the connection in: it closes the connection when nothing refers to it."""

    def close(self) -> None:
        """The memory is given back; the next question reads the casebook anew."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = self._pooled = None

    def refresh(self, cases: Iterable[int]) -> None:
        """Something was recorded about these cases."""
        changed = json.dumps(list(cases))
        with self._lock, database.translated(self._store.path):
            if self._connection is None:
                return
            chosen = "id IN (SELECT value FROM json_each(?))"
            run = self._connection.execute
            run("BEGIN")
            run(f"INSERT INTO list.words(words, rowid, text) SELECT 'delete', id, {_TEXT} FROM list.listed "
                f"WHERE {chosen}", (changed,))  # fmt: skip
            run(f"DELETE FROM list.listed WHERE {chosen}", (changed,))
            run(f"INSERT INTO list.listed {_ROWS} AND c.{chosen}", (changed,))
            run(f"INSERT INTO list.words(rowid, text) SELECT id, {_TEXT} FROM list.listed WHERE {chosen}", (changed,))
            run("COMMIT")

    def find(
        self, where: ListFilter, view: ListView, sort: str = "added", *, descending: bool = False,
        said: Mapping[str, str] | None = None,
    ) -> Ids:  # fmt: skip
        """Ids of the cases that pass the filter, in order.

        Parameters
        ----------
        sort : str
            A name in ``LIST_SORTS``. Missing values come last either way; ties go by id.
        said : mapping of str to str, optional
            By `Group.key` what the list says of such cases, in lower case: a search looks through that, too.
        """
        with self._open() as connection:
            sql, values = _condition(where, view, said or {}, _models(connection, view))
            key = _sorts(view, _models(connection, view))[sort]
            way = "DESC" if descending else "ASC"
            order = f"id {way}" if not key else f"({key}) IS NULL, {key} {way}, id"
            rows = connection.execute(f"SELECT id FROM list.listed WHERE {sql} ORDER BY {order}", values)
            return np.fromiter((row[0] for row in rows), np.int64)

    def groups(self, view: ListView) -> list[Group]:
        """The cases by what the list says of them: far fewer groups than cases."""
        with self._open() as connection:
            parts = _group(view, _models(connection, view))
            numbers = ", ".join(str(i + 1) for i in range(len(parts)))
            rows = connection.execute(
                f"SELECT {', '.join(parts)}, count(*), min(id) FROM list.listed GROUP BY {numbers} ORDER BY min(id)"
            )
            return [Group("/".join(map(str, key)), number, example) for *key, number, example in rows]

    def tags(self) -> list[str]:
        """Every tag in use, sorted."""
        with self._open() as connection:
            found = connection.execute("SELECT DISTINCT tags FROM list.listed WHERE tags <> ''").fetchall()
            return sorted({tag for (tags,) in found for tag in tags.split(TAG)})

    def _open(self) -> _Held:
        return _Held(self)

    def _made(self) -> sqlite3.Connection:
        """The connection, whose table is made by whoever asks first."""
        if self._connection is None:
            if self._store.closed:
                raise CasebookError("The casebook is closed.", "Open it again.")
            pooled = self._store.engine.raw_connection()
            connection = pooled.driver_connection
            assert isinstance(connection, sqlite3.Connection)
            pooled.detach()  # from the pool: it is this table's own from here on
            self._pooled = pooled
            connection.execute("ATTACH ':memory:' AS list")
            for name, count, function in (
                ("shown_name", 2, _shown_name), ("shown_folder", 1, _shown_folder), ("places", 1, _places),
                ("folded", 1, str.casefold), ("joined", 1, _joined),
            ):  # fmt: skip
                connection.create_function(name, count, function, deterministic=True)
            connection.executescript(_TABLES)
            connection.execute("BEGIN")
            connection.execute(f"INSERT INTO list.listed {_ROWS}")
            connection.execute(f"INSERT INTO list.words(rowid, text) SELECT id, {_TEXT} FROM list.listed")
            connection.execute("COMMIT")
            self._connection = connection
        return self._connection


class _Held:
    """The connection for one question; one question at a time."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing

    def __enter__(self) -> sqlite3.Connection:
        self._listing._lock.acquire()
        try:
            with database.translated(self._listing._store.path):
                return self._listing._made()
        except BaseException:
            self._listing._lock.release()
            raise

    def __exit__(self, *_: object) -> None:
        self._listing._lock.release()


# ---- words of a row -----------------------------------------------------------------------------------------------


def _frame(frame: int) -> str:
    return "" if frame == 0 else f" [{frame + 1}]"


def _shown_name(path: str, frame: int) -> str:
    return (in_window(os.path.basename(path)) + _frame(frame)).casefold()


def _shown_folder(path: str) -> str:
    return _folded_folder(os.path.dirname(path))[0]


def _places(path: str) -> str:
    folder, name = os.path.split(path)
    return f"{name.casefold()} {_folded_folder(folder)[1]}"


@functools.lru_cache
def _folded_folder(folder: str) -> tuple[str, str]:
    """In lower case a folder, and its name alone: thousands of cases lie in one."""
    return folder.casefold(), os.path.basename(folder).casefold()


def _joined(tags: str) -> str:
    return TAG.join(json.loads(tags))


# ---- what is asked, as SQL ----------------------------------------------------------------------------------------


class _Models(NamedTuple):
    """Rows of the table ``models``, as a list of ids each."""

    other: str
    """Those that aren't in use where another version of their task is."""
    named: Mapping[str, str]
    """By id and version."""
    order: Mapping[int, str]
    """Id of the row -> id and version."""
    tasks: Mapping[int, str]


def _models(connection: sqlite3.Connection, view: ListView) -> _Models:
    other: list[int] = []
    named: dict[str, list[int]] = {}
    order, tasks = {}, {}
    for row, model, version, task, weights in connection.execute(
        "SELECT id, model, version, task, weights_sha256 FROM main.models"
    ):
        name = version_in_words(model, version)
        named.setdefault(name, []).append(row)
        order[row], tasks[row] = name, task
        if view.in_use.get(task, weights) != weights:
            other.append(row)
    return _Models(_listed(other), {name: _listed(rows) for name, rows in named.items()}, order, tasks)


def _listed(rows: Iterable[int]) -> str:
    return f"({', '.join(str(int(row)) for row in rows)})"


def _text(value: str) -> str:
    """An SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def _hidden(view: ListView) -> str:
    return f"(review <> 'done' AND id NOT IN {_listed(view.revealed)})" if view.blind else "0"


def _answer(view: ListView) -> str:
    """As `explanation.decision.answer_of`, NULL while it may not be seen."""
    wanted = view.rates or (None, None)
    held = []
    for number in (0, 1):
        rate = wanted[number]
        of_card = f"CASE WHEN rate0 IS NULL OR rate1 IS NULL THEN {RATES[number]!r} ELSE rate{number} END"
        held.append(f"(p{number} > {of_card if rate is None else repr(float(rate))})")
    return (
        f"CASE WHEN predicted IS NULL OR {_hidden(view)} THEN NULL "
        "WHEN zone = 'out_of_scope' AND NOT insisted THEN NULL "
        "WHEN p0 IS NULL OR p1 IS NULL OR zone NOT IN ('familiar', 'unfamiliar') THEN 'undecided' "
        f"WHEN {held[0]} <> {held[1]} AND predicted = {held[1]} THEN "
        "CASE predicted WHEN 1 THEN 'positive' ELSE 'negative' END ELSE 'undecided' END"
    )


def _group(view: ListView, models: _Models) -> tuple[str, ...]:
    """What decides how a case is counted, and what its second line says."""
    return ("review", "file_state", "coalesce(label, '')", "coalesce(predicted, '')", "coalesce(model_id, '')", "zone",
             "insisted", f"coalesce({_answer(view)}, '')", _hidden(view), "analysis IS NULL",
             f"coalesce(model_id IN {models.other}, 0)")  # fmt: skip


def _condition(
    where: ListFilter, view: ListView, said: Mapping[str, str], models: _Models
) -> tuple[str, list[Any]]:
    """What stands after WHERE, and its parameters; the quickest to decide comes first."""
    answer, opinion = f"({_answer(view)})", f"(predicted IS NOT NULL AND NOT {_hidden(view)})"
    decided = "CASE label WHEN 1 THEN 'positive' ELSE 'negative' END"
    against = "CASE label WHEN 1 THEN 'negative' ELSE 'positive' END"
    differs, agrees = (f"(label IS NOT NULL AND {answer} = {word})" for word in (against, decided))
    other = f"coalesce(model_id IN {models.other}, 0)"
    tables: dict[str, dict[str, str]] = {
        "label": {"1": "label = 1", "0": "label = 0", "any": "label IS NOT NULL", "none": "label IS NULL",
                  "agrees": agrees, "differs": differs},
        "mask": {"yes": "regions > 0", "no": "regions = 0"},
        "file": {"ok": "file_state = 'ok'", "missing": "file_state = 'missing'", "altered": "file_state = 'altered'",
                 "unreadable": "0"},
        "verdict": {"1": f"{answer} = 'positive'", "0": f"{answer} = 'negative'",
                    "undecided": f"{answer} = 'undecided'", "none": "predicted IS NULL"},
        "version": {"in use": f"({opinion} AND NOT {other})", "other": f"({opinion} AND {other})"},
        "state": {"all": "1", "failed": "file_state <> 'ok'", "unlabelled": "label IS NULL",
                  "unanalysed": "predicted IS NULL", "disagree": differs, "undecided": f"{answer} = 'undecided'",
                  **{shown: f"review = {_text(kept)}" for shown, kept in view.reviews.items()}},
    }  # fmt: skip
    parts = [table[chosen] for name, table in tables.items() if (chosen := getattr(where, name)) not in ("", "all")]
    values: list[Any] = []

    def add(sql: str, *parameters: Any) -> None:
        parts.append(sql)
        values.extend(parameters)

    if where.tag:
        add("instr(? || tags || ?, ?)", TAG, TAG, f"{TAG}{where.tag}{TAG}")
    if where.model:
        add(f"{opinion} AND model_id IN {models.named.get(where.model, '()')}")
    if where.since:
        add("added >= ?", where.since)
    if where.until:
        add("added < ?", where.until)
    if where.agreement is not None:
        add(f"NOT {_hidden(view)} AND energy BETWEEN ? AND ?", *where.agreement)
    for word in where.text.casefold().split():
        parts.append(_mentions(word, view, said, models, values))
    return " AND ".join(parts) or "1", values


def _mentions(word: str, view: ListView, said: Mapping[str, str], models: _Models, values: list[Any]) -> str:
    """A word occurs in a row's own text, or in what the list says of rows like it."""
    ways = []
    if view.names_hidden:
        ways.append(f"instr({_NUMBER} || ' ' || notes || ' ' || tagged, ?)")
    else:
        indexed = ""
        if len(word) >= _SHORTEST:
            indexed = "id IN (SELECT rowid FROM list.words WHERE words MATCH ?) AND "
            pieces = sorted({word[i : i + _SHORTEST] for i in range(len(word) - _SHORTEST + 1)})
            values.append(" AND ".join('"' + piece.replace('"', '""') + '"' for piece in pieces))
        ways.append(f"({indexed}instr({_TEXT}, ?))")
    values.append(word)
    keys = [key for key, line in said.items() if word in line]
    if keys:
        key = " || '/' || ".join(f"({part})" for part in _group(view, models))
        ways.append(f"{key} IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(keys))
    return f"({' OR '.join(ways)})"


LIST_SORTS = ("added", "name", "review", "label", "disagreement", "margin", "probability", "agreement", "mask", "model",
              "question", "analysed", "tags", "notes", "folder", "file", "seconds")  # fmt: skip
"""Names that ``Listing.find(sort=…)`` takes."""


def _sorts(view: ListView, models: _Models) -> dict[str, str]:
    """What is sorted by, NULL where there is nothing to go by; '': by id."""
    opinion = f"(predicted IS NOT NULL AND NOT {_hidden(view)})"

    def seen(key: str) -> str:
        return f"CASE WHEN {opinion} THEN {key} END"

    def ranked(words: Mapping[int, str]) -> str:
        ranks = {word: rank for rank, word in enumerate(sorted(set(words.values())))}
        cases = " ".join(f"WHEN {row} THEN {ranks[word]}" for row, word in words.items() if word)
        return seen(f"CASE model_id {cases} END" if cases else "NULL")

    least = "CASE WHEN p0 IS NOT NULL AND p1 IS NOT NULL THEN min(p0, p1) ELSE min(probability, 1 - probability) END"
    doubt = f"({least} - 1e-6 * margin)"
    undecided = f"(p0 IS NOT NULL AND p1 IS NOT NULL AND coalesce({_answer(view)}, '') = 'undecided')"
    first = f"CASE WHEN coalesce(model_id IN {models.other}, 0) THEN 30.0 ELSE 0.0 END"
    return {
        "added": "",
        "name": _NUMBER if view.names_hidden else "name",
        "review": "CASE review WHEN 'new' THEN 0 WHEN 'in_review' THEN 1 WHEN 'flagged' THEN 2 ELSE 3 END",
        "label": "label",
        "disagreement": seen(
            f"CASE WHEN label IS NOT NULL AND predicted <> label AND NOT {undecided} THEN {first} + {doubt} "
            f"ELSE {first} + CASE WHEN {undecided} THEN 10.0 ELSE 20.0 END - {doubt} END"
        ),
        "margin": seen("margin"),
        "probability": seen("probability"),
        "agreement": f"CASE WHEN NOT {_hidden(view)} THEN energy END",
        "mask": "nullif(regions, 0)",
        "model": ranked(models.order),
        "question": ranked(models.tasks),
        "analysed": "nullif(analysed, '')",
        "tags": "nullif(tags, '')",
        "notes": "nullif(notes, '')",
        "folder": "folder",
        "file": "nullif(file_state, 'ok')",
        "seconds": "nullif(seconds, 0)",
    }
