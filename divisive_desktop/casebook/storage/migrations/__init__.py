"""Schema steps, oldest first: Alembic operations run in one transaction each casebook goes through once.

The steps are ordinary modules found by import, not scripts found by an ini file or a folder listing: this works the
same in a checkout, a wheel and a frozen program. SQLite's ``user_version`` says how many have been run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import Connection

from divisive_desktop.casebook.storage.schema import APPLICATION_ID, FORMAT

_ONE_AT_A_TIME = threading.Lock()
"""Alembic's operations go to the connection that was named last, whichever thread that was."""


def _steps() -> tuple[Callable[[], None], ...]:
    from divisive_desktop.casebook.storage.migrations import (
        v0001_casebook,
        v0002_batches,
        v0003_measurements,
        v0004_corrections,
    )

    return v0001_casebook.upgrade, v0002_batches.upgrade, v0003_measurements.upgrade, v0004_corrections.upgrade


def upgrade(connection: Connection, start: int, target: int = FORMAT) -> None:
    """Run steps ``start + 1`` to ``target``; the caller's transaction commits or rolls back all of them.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        In a transaction that was begun explicitly (SQLite's DDL is transactional then).
    start, target : int
        Numbers of the last step already run (0: empty database) and the last to run.
    """
    with _ONE_AT_A_TIME:  # from the import on, which sets up the place for the connection
        # Imported here: opening a casebook that needs no migration doesn't pay for it.
        from alembic.operations import Operations
        from alembic.runtime.migration import MigrationContext

        with Operations.context(MigrationContext.configure(connection)):
            for number, step in enumerate(_steps()[start:target], start + 1):
                step()
                connection.exec_driver_sql(f"PRAGMA user_version = {number}")
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


__all__ = ["upgrade"]
