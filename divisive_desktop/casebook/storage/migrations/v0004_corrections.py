"""What an analyst mended about a picture: of each case, and of each case of a run as it was then."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    op.add_column("cases", sa.Column("correction", sa.Text))
    op.add_column("run_cases", sa.Column("correction", sa.Text))
