"""Whether an answer counts: is the image of the kind that the model was made for? Crosses the process boundary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

Zone = Literal["familiar", "unfamiliar", "out_of_scope", "not_checked"]
"""Like the model's own sources · the right kind of image, from elsewhere · something else · nobody looked."""

ASKED_ANYWAY = "asked although out of scope"
"""What an answer says of itself that a person insisted on."""
_HEADS = {"unfamiliar": "unfamiliar", "out_of_scope": "out of scope", "not_checked": "scope not checked"}
KEY = "scope"
"""Name under which a check is kept with the parameters of an analysis."""


@dataclass(frozen=True)
class ScopeCheck:
    """Where an image stands to a model's scope, and why, in words."""

    zone: Zone
    reasons: tuple[str, ...] = ()
    """Each a phrase without a full stop; empty when familiar."""
    asked_anyway: bool = False
    """A person insisted on an answer although the image is out of scope."""

    def __post_init__(self) -> None:
        if self.zone not in get_args(Zone):
            raise ValueError(f"unknown zone {self.zone!r}")

    @property
    def withheld(self) -> bool:
        """There is to be no verdict, no map and no feature."""
        return self.zone == "out_of_scope" and not self.asked_anyway

    @property
    def insisted(self) -> bool:
        """The answer counts for nothing and must say so wherever it is shown."""
        return self.zone == "out_of_scope" and self.asked_anyway

    @property
    def words(self) -> str:
        """What is to be known before the answer is read, without a full stop; '' where the image is familiar."""
        if self.zone == "familiar":
            return ""
        head = ASKED_ANYWAY if self.insisted else _HEADS[self.zone]
        return f"{head}: {'; '.join(self.reasons)}" if self.reasons else head

    def insisted_on(self) -> ScopeCheck:
        """The same where a person asked anyway; what is in scope needs no insisting and stays as it is."""
        return replace(self, asked_anyway=True) if self.zone == "out_of_scope" else self

    def as_dict(self) -> dict[str, Any]:
        """JSON types only: the object ``scope`` of an analysis."""
        return {"zone": self.zone, "reasons": list(self.reasons), "asked_anyway": self.asked_anyway}

    @classmethod
    def from_dict(cls, raw: object) -> ScopeCheck:
        """The inverse of `as_dict`; what can't be read, as a later version may write it, reads *not checked*."""
        if raw is None:
            return BEFORE
        if isinstance(raw, Mapping) and raw.get("zone") in get_args(Zone) and isinstance(raw.get("reasons"), list):
            return cls(raw["zone"], tuple(str(r) for r in raw["reasons"]), raw.get("asked_anyway") is True)
        return ScopeCheck("not_checked", ("what was kept of the check of scope can't be read",))


FAMILIAR = ScopeCheck("familiar")
BEFORE = ScopeCheck("not_checked", ("analysed before scope was checked",))
"""Of analyses made by earlier versions of the program."""
UNSTATED = ScopeCheck("not_checked", ("the model's card doesn't say what it was made for",))
