"""A session without its window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.desktop.session.session import Session
from divisive_desktop.desktop.session.settings import Settings

MS = 20_000


@pytest.fixture
def session(qtbot: QtBot, home: Path) -> Iterator[Session]:
    """A session with an empty casebook; nothing is analysed by itself."""
    settings, runner = Settings(), Runner()
    settings.analyse_on_opening = False
    session = Session(runner, settings)
    with qtbot.waitSignal(session.casebook.opened, timeout=MS):
        session.casebook.open()
    yield session
    session.casebook.stop_waiting()
    runner.close()
    session.casebook.close()


@pytest.fixture
def opened(qtbot: QtBot, session: Session, pictures: Callable[[int], Path]) -> Callable[[int], list[Case]]:
    """Opens so many pictures: returns the cases, the first of which is looked at."""

    def open_pictures(number: int) -> list[Case]:
        with qtbot.waitSignal(session.recordReady, timeout=MS):
            session.opening.open_paths([pictures(number)])
        idle = lambda: len(session.cases) == number and session.runner.idle and session.casebook.idle  # noqa: E731
        qtbot.waitUntil(idle, timeout=MS)
        return list(session.cases)

    return open_pictures
