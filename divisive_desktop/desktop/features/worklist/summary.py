"""What stands above the rows: how many cases, what is asked of them, and whose answers are shown."""

from __future__ import annotations

from collections.abc import Mapping

from divisive_desktop.desktop.session.case import Review
from divisive_desktop.desktop.session.case_model import ASKED, BY, OTHER
from divisive_desktop.desktop.session.wording import plural
from divisive_desktop.library.tasks import question_of


def number_text(counts: Mapping[str, int], shown: int) -> str:
    """How many cases are shown, of how many."""
    total = counts["all"]
    if not total:
        return ""
    return plural(total, "case") if shown == total else f"{shown:,} of {total:,}"


def number_tip(counts: Mapping[str, int]) -> str:
    """What they are, in numbers."""
    return (
        f"{counts['analysed']} analysed, {counts['undecided']} of them undecided, {counts['labelled']} labelled, "
        f"{counts[Review.DONE.value]} done, {counts['failed']} failed"
    )


def answers_text(counts: Mapping[str, int]) -> str:
    """What is asked, and which model version answers; '' where nothing is answered."""
    questions, versions = _named(counts, ASKED), _named(counts, BY)
    if not versions:
        return ""
    asked = question_of(next(iter(questions))) if len(questions) == 1 else f"{len(questions)} questions."
    by = f"by {next(iter(versions))}" if len(versions) == 1 else f"of {len(versions)} versions"
    return f"{asked} Answers {by}".strip()


def answers_tip(counts: Mapping[str, int]) -> str:
    """The same in full, line by line."""
    lines = [f"{count:,}: {question_of(task)}" for task, count in sorted(_named(counts, ASKED).items())]
    lines += [f"{count:,} answered by {name}" for name, count in sorted(_named(counts, BY).items())]
    if counts[OTHER]:
        lines.append(f"{counts[OTHER]:,} by another version than the one in use: a sign marks them")
    return "\n".join(lines)


def _named(counts: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {name[len(prefix) :]: n for name, n in counts.items() if n > 0 and name.startswith(prefix)}
