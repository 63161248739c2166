"""Cases, labels, masks, analyses, runs and the audit chain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    _people()
    _cases()
    _runs()
    _audit()


def _table(name: str, *items: sa.schema.SchemaItem) -> None:
    op.create_table(name, sa.Column("id", sa.Integer, primary_key=True), *items, sqlite_autoincrement=True)


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _int(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer, nullable=False) for name in names]


def _real(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Float, nullable=False) for name in names]


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, unique=True)


def _link(name: str, target: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(f"{target}.id"), nullable=null)


def _people() -> None:
    _table("users", _key("account"), *_text("name", "role"))
    _table("settings", _key("key"), *_text("value"))
    _table(
        "models", *_text("model", "version", "method", "task", "negative", "positive"), _key("weights_sha256")
    )
    _table("splits", _key("group_key"), *_text("side", "reason", "time"))


def _cases() -> None:
    _table(
        "cases",
        *_text("name", "path", "sha256", "kind", "side", "review", "notes", "tags", "file_state", "added"),
        *_int("size", "frame"),
        *_real("seconds"),
        *[sa.Column(name, sa.Text) for name in ("relative", "copy", "task", "thumbnail", "patient", "trashed")],
        *[sa.Column(name, sa.Integer) for name in ("width", "height", "label", "analysis")],
        sa.Column("modified", sa.Float),
    )
    op.create_index("cases_sha256", "cases", ["sha256", "frame"])
    op.create_index("cases_patient", "cases", ["patient"])
    _table("labels", _link("case_id", "cases"), sa.Column("value", sa.Integer), *_text("user", "time"))
    op.create_index("labels_case", "labels", ["case_id"])
    _table(
        "masks",
        sa.Column("case_id", sa.Integer, sa.ForeignKey("cases.id"), nullable=False, unique=True),
        *_text("blob", "digest", "names", "user", "time"),
        *_int("width", "height", "regions"),
    )
    _table(
        "analyses",
        _link("case_id", "cases"),
        _link("model_id", "models"),
        *_text("time", "user", "device", "precision", "preprocessing", "timings"),
        *_int("region_x", "region_y", "region_width", "region_height", "image_width", "image_height"),
        *_real("logit0", "logit1", "bias0", "bias1", "probability"),
        *_int("predicted"),
    )
    op.create_index("analyses_case", "analyses", ["case_id"])
    _table(
        "cams",
        sa.Column("analysis_id", sa.Integer, sa.ForeignKey("analyses.id"), nullable=False, unique=True),
        *_int("height", "width"),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )


def _runs() -> None:
    _table(
        "runs",
        *_text("state", "method", "parameters", "user", "started"),
        _link("base_id", "models", null=True),
        _link("result_id", "models", null=True),
        *[sa.Column(name, sa.Text) for name in ("metrics", "finished", "decision")],
    )
    _table(
        "run_cases",
        _link("run_id", "runs"),
        *_int("case_id"),
        *_text("role", "sha256"),
        sa.Column("label", sa.Integer),
        sa.Column("mask", sa.Text),
    )
    op.create_index("run_cases_run", "run_cases", ["run_id"])
    op.create_index("run_cases_case", "run_cases", ["case_id"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        *_text("time", "user", "role", "app", "act", "parameters", "rows", "previous", "hash"),
        sa.Column("case_id", sa.Integer),
        *[sa.Column(name, sa.Text) for name in ("model", "model_version", "model_sha256")],
    )
    op.create_index("audit_case", "audit", ["case_id"])
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit chain is append-only'); END"
        )
