"""What the installed models' cards say of their decisions, as the table of models/README.md.

Run: ``python tests/benchmarks/measure_decision.py [MODEL...]``. Nothing is measured anew: that is what
``divisive-desktop decision`` does, and what it found is on the cards.
"""

from __future__ import annotations

import sys

from divisive_desktop.explanation.share import Share
from divisive_desktop.library.store import find_models

HEAD = (
    "model", "test images", "n", "AUROC", "sensitivity", "specificity", "coverage", "undecided", "wrong among decided",
    "right of those called negative", "of those called positive",
)  # fmt: skip


def shown(share: Share | None) -> str:
    """``94 % (91-98)``"""
    return "-" if share is None else f"{100 * share.value:.0f} % ({100 * share.low:.0f}–{100 * share.high:.0f})"


def counted(share: Share | None) -> str:
    """``47 of 56``"""
    return "-" if share is None else f"{round(share.value * share.n)} of {share.n}"


def rows(wanted: list[str]) -> list[tuple[str, ...]]:
    """A row for each test set and each kind of margins that decided it."""
    made = []
    for model in find_models():
        card = model.card
        if card.decision is None or (wanted and card.id not in wanted):
            continue
        for test in card.decision.tests:
            for by, outcome in (("own margins", test.familiar), ("margins of other sources", test.unfamiliar)):
                if outcome is not None:
                    name = test.source if test.own else f"*other source:* {test.source}, by {by}"
                    auroc = "-" if test.auroc is None else f"{test.auroc.value:.2f}"
                    made.append((
                        f"`{card.id}`", name, str(test.n), auroc, shown(test.sensitivity), shown(test.specificity),
                        shown(outcome.coverage), shown(outcome.undecided), shown(outcome.error),
                        *map(counted, outcome.right_as),
                    ))  # fmt: skip
    return made


if __name__ == "__main__":
    for row in (HEAD, ("---",) * len(HEAD), *rows(sys.argv[1:])):
        print("| " + " | ".join(row) + " |")
