"""Batches that resume, and each analysis's agreement with the mask."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    op.add_column("analyses", sa.Column("energy", sa.Float))
    op.add_column("analyses", sa.Column("iou", sa.Float))
    op.add_column("analyses", sa.Column("pointing", sa.Integer))
    op.create_table(
        "batches",
        sa.Column("id", sa.Integer, primary_key=True),
        *[sa.Column(name, sa.Text, nullable=False) for name in ("name", "state", "parameters", "user", "time")],
        sqlite_autoincrement=True,
    )
    op.create_table(
        "batch_items",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("batch_id", sa.Integer, sa.ForeignKey("batches.id"), nullable=False),
        *[sa.Column(name, sa.Integer, nullable=False) for name in ("position", "frame", "attempts")],
        *[sa.Column(name, sa.Text, nullable=False) for name in ("path", "state")],
        *[sa.Column(name, sa.Integer) for name in ("case_id", "analysis")],
        sa.Column("error", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("batch_items_batch", "batch_items", ["batch_id", "state"])
