"""Models: one row for each set of weights that an analysis or a run refers to."""

from __future__ import annotations

from divisive_desktop.casebook.storage.transaction import Transaction
from divisive_desktop.explanation.analysis import ModelRef


def model_row(act: Transaction, model: ModelRef) -> int:
    """The row's id; inserted when these weights are new. The caller's record covers the row."""
    found = act.sql("SELECT id FROM models WHERE weights_sha256 = ?", (model.weights_sha256,)).first()
    if found is not None:
        return int(found[0])
    return act.insert(
        "models",
        {
            "model": model.id, "version": model.version, "weights_sha256": model.weights_sha256,
            "method": model.method, "task": model.task, "negative": model.classes[0], "positive": model.classes[1],
        },
    )  # fmt: skip
