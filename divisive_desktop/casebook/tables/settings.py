"""Settings of a casebook: JSON values by key, some of them fixed when it is made."""

from __future__ import annotations

from typing import Any

from divisive_desktop.casebook.storage.chain import canonical
from divisive_desktop.casebook.storage.stored_json import stored_json
from divisive_desktop.casebook.storage.transaction import Store, Transaction
from divisive_desktop.errors import CasebookError

_FIXED = ("identity", "patient_keys", "holdout_share")  # the split rests on them


class Settings:
    """The casebook's settings (``book.settings``)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str, default: Any = None) -> Any:
        rows = self._store.rows("SELECT value FROM settings WHERE key = ?", (key,))
        return stored_json(rows[0][0]) if rows else default

    def set(self, key: str, value: Any) -> None:
        """Keep a setting (JSON types). What the split rests on can't be changed."""
        if key in _FIXED:
            raise CasebookError(f"The setting {key} is fixed when a casebook is made.", "Make a new casebook.")
        with self._store.act() as act:
            put_setting(act, key, value)
            act.record("setting", key=key, value=value)


def setting(act: Transaction, key: str) -> Any:
    """The value inside a transaction; it must be there."""
    return stored_json(act.sql("SELECT value FROM settings WHERE key = ?", (key,)).one()[0])


def put_setting(act: Transaction, key: str, value: Any) -> None:
    """Write a value inside a transaction, a fixed one too. The caller's record covers the row."""
    found = act.sql("SELECT id FROM settings WHERE key = ?", (key,)).first()
    if found is None:
        act.insert("settings", {"key": key, "value": canonical(value)})
    else:
        act.update("settings", found[0], {"value": canonical(value)})
