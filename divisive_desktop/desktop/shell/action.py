"""One thing that the user can do, and when it makes sense."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.session import Session


@dataclass(frozen=True)
class State:
    """What decides whether an action makes sense now."""

    cases: int = 0
    case: bool = False
    record: bool = False
    analysis: bool = False
    label: bool = False
    busy: bool = False
    """The current case is being analysed."""
    batch: bool = False
    unanalysed: bool = False
    open: bool = False
    """A casebook is open."""
    writable: bool = True
    """What the analyst says is kept."""

    @classmethod
    def of(cls, session: Session) -> State:
        """The state of what the window works on."""
        case = session.current
        return cls(
            cases=len(session.cases), case=case is not None, record=session.picture_shown,
            analysis=case is not None and case.analysis is not None, label=case is not None and case.label is not None,
            busy=case is not None and case.analysing, batch=session.batch.running,
            unanalysed=session.cases.counts()["todo"] > 0, open=session.casebook.current is not None,
            writable=session.casebook.writable,
        )  # fmt: skip


Enabled = Callable[[State], bool]


def always(_: State) -> bool:
    return True


def has_cases(s: State) -> bool:
    return s.cases > 0


def has_record(s: State) -> bool:
    return s.record


def can_label(s: State) -> bool:
    return s.record and s.writable


def can_review(s: State) -> bool:
    return s.case and s.writable


def has_analysis(s: State) -> bool:
    return s.analysis


def is_open(s: State) -> bool:
    return s.open


@dataclass(frozen=True)
class Action:
    """One thing that the user can do. Where it stands in menus and toolbar is said in ``menu_layout`` by its id."""

    id: str
    text: str
    run: Callable[[], object]
    shortcut: str = ""
    tip: str = ""
    """What it does, where the text alone doesn't say; shown as tooltip and in the sheet."""
    icon: str = ""
    enabled: Enabled = always
    checked: Callable[[], bool] | None = None
    """Makes the action checkable: whether it is on now."""
