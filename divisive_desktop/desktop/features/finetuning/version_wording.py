"""What a card says of a version, in rows for the window. No widgets."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from divisive_desktop.desktop.features.finetuning.methods import method
from divisive_desktop.engine.finetuning.verdict import number
from divisive_desktop.explanation.figure_words import figure, rarer
from divisive_desktop.library.release import WORDS, release_state

if TYPE_CHECKING:
    from divisive_desktop.library.card import Card
    from divisive_desktop.library.store import StoredModel

_SETTINGS = (
    ("stages", "learned part"), ("epochs", "epochs"), ("alpha", "α"), ("lr", "learning rate"),
    ("retain", "own answers kept"), ("batch", "batch"), ("copies", "variants"), ("seed", "seed"),
)  # fmt: skip
_NAMES = {
    "metrics": "figures", "training": "training", "holdout": "hold-out", "guard": "guard set", "auroc": "AUROC",
    "ece": "calibration error", "energy": "D inside the mask", "pointing": "peak in the mask",
    "border_auroc": "border only", "border_only_auroc": "border only", "settings": "setting", "value": "",
}  # fmt: skip


_ROLES = {"train": "learned from", "validation": "for validation", "holdout": "held out"}


def card_row(model: StoredModel) -> tuple[str, str, str]:
    """Whether the card is the one that was released."""
    said = WORDS[release_state(model.folder)]
    return "Card", said[0].upper() + said[1:], "A signature covers every figure and word on the card"


def details(card: Card) -> list[tuple[str, str, str]]:
    """Rows of name, value and tooltip: parent, data, parameters, figures, author."""
    training = card.training
    settings = training.get("settings", {}) if isinstance(training.get("settings"), Mapping) else {}
    chosen = ", ".join(f"{text} {settings[name]}" for name, text in _SETTINGS if name in settings)
    return [
        ("Task", card.task, ""),
        ("Parent", card.parent or "trained from ImageNet weights", "The version that it was trained from"),
        ("Method", method(card.method).name, method(card.method).sentence),
        ("Data", _data(training), "Case ids and image hashes stand on the card"),
        ("Parameters", chosen, ""),
        *_figures(card),
        ("Author", card.author or "not said", ""),
        ("Made", card.created.replace("T", " ")[:16], "UTC"),
        ("Version", card.version, ""),
        ("Weights", f"{card.weights_sha256[:12]}…", f"SHA-256 {card.weights_sha256}"),
        ("Licence", card.licence, ""),
    ]


def auroc_of(card: Card) -> tuple[float, str] | None:
    """AUROC on data that it wasn't trained on (the hold-out, or the shipped models' test set), and what it rests on."""
    for name, text in (("holdout", "hold-out"), ("test", "test"), ("test_closed", "test")):
        part = card.metrics.get(name)
        found = _number(part, "auroc")
        if found is not None and isinstance(part, Mapping):
            images = f", {part['images']:,} images" if isinstance(part.get("images"), int) else ""
            return found, f"AUROC {_of_part(part)}, {text}{images}"
    return None


def named(path: str) -> str:
    """``metrics.holdout.after.auroc.value`` -> ``figures · hold-out · after · AUROC``."""
    words = [_NAMES.get(part, part.replace("_", " ")) for part in path.split(".")]
    return " · ".join(w for w in words if w)


def _figures(card: Card) -> list[tuple[str, str, str]]:
    rows = []
    for name, text in (("holdout", "Hold-out"), ("guard", "Guard set"), ("test", "Test"), ("test_closed", "Test"),
                       ("test_open", "Open set"), ("val", "Validation")):  # fmt: skip
        part = card.metrics.get(name)
        if not isinstance(part, Mapping) or _number(part, "auroc") is None:
            continue
        said = [f"AUROC {_of_part(part)}"]
        for key, label in (("energy", "D inside"), ("border_auroc", "border only"),
                           ("border_only_auroc", "border only"), ("ece", "ECE")):  # fmt: skip
            value = _number(part, key)
            if value is not None:
                said.append(f"{label} {number(value)}")
        images = part.get("images")
        rows.append((f"{text}, {images:,} images" if isinstance(images, int) else text, ", ".join(said), ""))
    return rows


def with_interval(value: float, between: Sequence[float] | None, images: object, positives: object) -> str:
    """An AUROC with its interval, as reports say it; figures as `number` writes them."""
    return re.sub(r"\b0(?=\.)", "", figure("en", value, between, rarer(images, positives)))


def _of_part(part: Mapping[str, Any]) -> str:
    after = part.get("after")
    held = after if isinstance(after, Mapping) else part
    found, between = held.get("auroc"), held.get("auroc_95")
    if isinstance(found, Mapping):
        between = (found.get("low"), found.get("high"))
    known = isinstance(between, list | tuple) and all(isinstance(v, int | float) for v in between)
    return with_interval(_number(part, "auroc") or 0.0, between if known else None, part.get("images"),
                         part.get("positives"))  # fmt: skip


def _number(part: Any, name: str) -> float | None:
    """A figure of a card, as shipped models (``{"auroc": .9}``) or runs (``{"after": {"auroc": {"value": .9}}}``) say
    it."""
    if not isinstance(part, Mapping):
        return None
    after = part.get("after")
    value = after.get(name) if isinstance(after, Mapping) else part.get(name)
    if name == "energy" and value is None and isinstance(part.get("agreement"), Mapping):
        everything = part["agreement"].get("all")
        value = everything.get("energy") if isinstance(everything, Mapping) else None
    if isinstance(value, Mapping):
        value = value.get("value")
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _data(training: Mapping[str, Any]) -> str:
    cases = training.get("cases")
    if isinstance(cases, list | tuple):
        roles: dict[str, int] = {}
        for case in cases:
            role = str(case[2]) if isinstance(case, list | tuple) and len(case) > 2 else str(
                case.get("role", "train") if isinstance(case, Mapping) else "train"
            )
            roles[role] = roles.get(role, 0) + 1
        return ", ".join(f"{n} {_ROLES.get(role, role)}" for role, n in roles.items())
    data = training.get("data")
    if isinstance(data, Mapping):
        return ", ".join(f"{k} {v}" for k, v in data.items() if isinstance(v, str | int))[:120]
    return str(data)[:120] if data else ""
