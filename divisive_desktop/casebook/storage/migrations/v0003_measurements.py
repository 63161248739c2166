"""Measurements of a case."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    op.create_table(
        "measurements",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("case_id", sa.Integer, sa.ForeignKey("cases.id"), nullable=False, unique=True),
        *[sa.Column(name, sa.Text, nullable=False) for name in ("data", "user", "time")],
        sqlite_autoincrement=True,
    )
