"""Tables of ``casebook.sqlite``, as the newest migration leaves them.

Every table but ``audit`` is *tracked*: the audit chain holds a hash of each row's content (``chain.row_hash``), in
which columns that are NULL don't count. So a later schema may add nullable columns without touching old hashes.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text

FORMAT = 4
"""Number of the newest migration; kept in SQLite's ``user_version``."""
APPLICATION_ID = 0x44697644  # "DivD": `file` and we recognise the database by it

metadata = MetaData()


def _table(name: str, *columns: Column[object] | Index) -> Table:
    # AUTOINCREMENT: an id in the audit chain never means two different rows.
    return Table(name, metadata, Column("id", Integer, primary_key=True), *columns, sqlite_autoincrement=True)


def _text(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, Text, nullable=null)


def _int(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, Integer, nullable=null)


def _real(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, Float, nullable=null)


def _link(name: str, target: str, *, null: bool = False) -> Column[object]:
    return Column(name, Integer, ForeignKey(f"{target}.id"), nullable=null)


users = _table(
    "users",
    Column("account", Text, nullable=False, unique=True),
    _text("name"),
    _text("role"),
)
settings = _table("settings", Column("key", Text, nullable=False, unique=True), _text("value"))

models = _table(
    "models",
    _text("model"),
    _text("version"),
    Column("weights_sha256", Text, nullable=False, unique=True),
    _text("method"),
    _text("task"),
    _text("negative"),
    _text("positive"),
)

cases = _table(
    "cases",
    _text("name"),
    _text("path"),  # absolute, at the time of import or of the last relinking
    _text("relative", null=True),  # from the casebook's folder: survives moving both together
    _text("copy", null=True),  # suffix of the imported copy in blobs/, NULL: by reference
    _text("sha256"),
    _int("size"),
    _real("modified", null=True),  # st_mtime, to see cheaply that a file may have changed
    _int("frame"),
    _text("kind"),
    _text("task", null=True),
    _int("width", null=True),
    _int("height", null=True),
    _text("thumbnail", null=True),
    _text("patient", null=True),  # hashed or plain, as the casebook's settings say
    _text("side"),  # train or holdout
    _int("label", null=True),
    _text("review"),
    _text("notes"),
    _text("tags"),  # JSON array, sorted
    _real("seconds"),
    _text("file_state"),  # ok, missing, altered
    _text("added"),
    _text("trashed", null=True),
    _int("analysis", null=True),  # the one that the worklist shows; no foreign key: it would be circular
    _text("correction", null=True),  # what the analyst mended (imaging.correction); NULL: nothing
    Index("cases_sha256", "sha256", "frame"),
    Index("cases_patient", "patient"),
)

labels = _table(
    "labels",
    _link("case_id", "cases"),
    _int("value", null=True),  # NULL: label taken away
    _text("user"),
    _text("time"),
    Index("labels_case", "case_id"),
)

masks = _table(
    "masks",
    Column("case_id", Integer, ForeignKey("cases.id"), nullable=False, unique=True),
    _text("blob"),  # masks.Snapshot.to_blob: all regions with settings and pixels
    _text("digest"),  # masks.Snapshot.digest: of what training sees
    _int("width"),
    _int("height"),
    _int("regions"),  # regions with painted pixels
    _text("names"),  # JSON array of their names
    _text("user"),
    _text("time"),
)

measurements = _table(
    "measurements",
    Column("case_id", Integer, ForeignKey("cases.id"), nullable=False, unique=True),
    _text("data"),  # JSON array: kind, points in image pixels, figures as shown
    _text("user"),
    _text("time"),
)

analyses = _table(
    "analyses",
    _link("case_id", "cases"),
    _link("model_id", "models"),
    _text("time"),
    _text("user"),
    _text("device"),
    _text("precision"),
    _int("region_x"),
    _int("region_y"),
    _int("region_width"),
    _int("region_height"),
    _int("image_width"),
    _int("image_height"),
    _real("logit0"),
    _real("logit1"),
    _real("bias0"),
    _real("bias1"),
    _real("probability"),
    _int("predicted"),
    _text("preprocessing"),
    _text("timings"),
    _real("energy", null=True),  # agreement with the mask
    _real("iou", null=True),
    _int("pointing", null=True),
    Index("analyses_case", "case_id"),
)

# Beside the figures, so that lists don't read them; in the database, so that a batch waits for one flush per act and
# not for two per analysis: they are 1.5 kB each.
cams = _table(
    "cams",
    Column("analysis_id", Integer, ForeignKey("analyses.id"), nullable=False, unique=True),
    _int("height"),
    _int("width"),
    Column("data", LargeBinary, nullable=False),  # float32, little-endian, (2, height, width)
)

splits = _table(
    "splits",
    Column("group_key", Text, nullable=False, unique=True),
    _text("side"),
    _text("reason"),
    _text("time"),
)

runs = _table(
    "runs",
    _text("state"),  # running, done, cancelled, interrupted, failed
    _text("method"),
    _link("base_id", "models", null=True),
    _link("result_id", "models", null=True),
    _text("parameters"),
    _text("metrics", null=True),
    _text("user"),
    _text("started"),
    _text("finished", null=True),
    _text("decision", null=True),  # kept, discarded
)
run_cases = _table(
    "run_cases",
    _link("run_id", "runs"),
    _int("case_id"),  # no foreign key: what was trained on stays known after the case is gone
    _text("role"),  # train, validation, holdout
    _text("sha256"),
    _int("label", null=True),
    _text("mask", null=True),  # blob of the mask as it was then
    _text("correction", null=True),  # of the case, as it was then
    Index("run_cases_run", "run_id"),
    Index("run_cases_case", "case_id"),
)

batches = _table(
    "batches",
    _text("name"),
    _text("state"),  # open, done, cancelled
    _text("parameters"),
    _text("user"),
    _text("time"),
)
batch_items = _table(
    "batch_items",
    _link("batch_id", "batches"),
    _int("position"),
    _int("case_id", null=True),
    _text("path"),
    _int("frame"),
    _text("state"),  # pending, done, failed
    _int("attempts"),
    _int("analysis", null=True),
    _text("error", null=True),  # JSON {"kind", "message", "remedy"}
    Index("batch_items_batch", "batch_id", "state"),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    _text("time"),
    _text("user"),
    _text("role"),
    _text("app"),
    _text("act"),
    _int("case_id", null=True),
    _text("model", null=True),
    _text("model_version", null=True),
    _text("model_sha256", null=True),
    _text("parameters"),
    _text("rows"),
    _text("previous"),
    _text("hash"),
    Index("audit_case", "case_id"),
)

TRACKED = tuple(t.name for t in metadata.sorted_tables if t.name != "audit")
