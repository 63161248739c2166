"""Lives of somebody who takes images and casebooks in, hands them on, and writes reports (see ``window_life.py``)."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tests.durability.scenes import new_film

if TYPE_CHECKING:
    from tests.durability.window_life import Life


def names(life: Life, path: Path, folder: str) -> Iterator[Path]:
    """New paths in a folder beside the casebook, without suffix; no life uses one of another's."""
    out = path.with_name(folder)
    out.mkdir(exist_ok=True)
    for number in itertools.count():
        yield out / f"{life.seed}-{number}"


def answer(path: Path) -> None:
    """What every file dialog answers from now on."""
    from PySide6.QtWidgets import QFileDialog

    QFileDialog.getSaveFileName = staticmethod(lambda *_, **__: (str(path), ""))  # type: ignore[method-assign]


def take_in(life: Life, path: Path) -> None:
    """Drops folders of films on the window and labels some before they are in; unpacks an archive now and then."""
    from PySide6.QtWidgets import QFileDialog

    page = life.page
    archive = path.with_name("archive.zip")
    for base in names(life, path, "taken"):
        if life.rng.random() < 0.3:
            target = base.with_suffix(".casebook")
            answer(target)
            QFileDialog.getOpenFileName = staticmethod(  # type: ignore[method-assign]
                lambda *_, **__: (str(archive), "")
            )
            life.say("begin", f"written taken/{target.name}", None)
            page.trigger("casebook-import")
            life.until(lambda t=target: page.casebook.path == t and page.book_open)
            life.say("done", f"written taken/{target.name}", True)
            page.open_casebook(path)
            life.until(lambda: page.casebook.path == path and page.book_open and page.quiet)
            continue
        base.mkdir()
        films = [
            new_film(base / f"film{i}.png", life.rng.randrange(1 << 30)) for i in range(life.rng.randint(1, 8))
        ]
        digests = [hashlib.sha256(film.read_bytes()).hexdigest() for film in films]
        before = len(page.cases)
        after = before + len(films)
        page.drop(base)
        life.until(lambda n=after: len(page.cases) == n)
        chosen = page.case(life.rng.randrange(before, after))
        digest = digests[[film.name for film in films].index(chosen.name)]
        life.say("begin", f"labelled {digest}", 1)
        page.label(1, [chosen])
        page.casebook.write(lambda _, f=tuple(films): [life.say("done", f"noted {film}", True) for film in f])
        page.casebook.write(lambda _, d=digest: life.say("done", f"labelled {d}", 1))
        life.until(lambda: page.quiet)
        for digest in digests:
            life.say("done", f"taken {digest}", True)


def hand_out(life: Life, path: Path) -> None:
    """Exports results, archives and copies, one after the other."""
    page = life.page
    for base in names(life, path, "out"):
        entry, suffix = life.rng.choice(
            (("results", ".csv"), ("results", ".json"), ("casebook-zip", ".zip"), ("casebook-copy", ".casebook"))
        )
        target = base.with_suffix(suffix)
        answer(target)
        page.note(f"before {target.name}", page.case(0))
        life.say("begin", f"written out/{target.name}", None)
        page.trigger(entry)
        life.until(lambda t=target: f"Saved {t.name}" in page.messages.newest)
        life.say("done", f"written out/{target.name}", True if suffix == ".casebook" else _digest(target))


def report(life: Life, path: Path) -> None:
    """Writes reports on some of the cases, again and again."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    page = life.page
    page.worklist.focus()
    for base in names(life, path, "reports"):
        base.mkdir()
        page.worklist.select(*range(life.rng.randint(1, 4)))
        page.trigger("report")
        life.until(lambda: page.report.dialog is not None)
        dialog = page.report.dialog
        assert dialog is not None
        life.until(lambda: page.report.process_id is not None)
        life.say("reporter", "", page.report.process_id)
        form = dialog.form
        form.folder.setText(str(base))
        for name in ("html", "json", "csv"):
            form.formats[name].setChecked(life.rng.random() < 0.7)
        if life.rng.random() < 0.5:
            life.until(lambda d=dialog: bool(d.preview.pages))
        text = f"conclusion {life.rng.randrange(10**9)}"
        form.conclusion.setPlainText(text)
        life.say("begin", f"act {base.name}", None)
        QTest.mouseClick(dialog.write, Qt.MouseButton.LeftButton)
        life.until(lambda d=dialog: not d.writing)
        life.until(lambda: page.quiet)
        life.say("done", f"act {base.name}", True)
        for file in sorted(base.iterdir()) if "Written" in dialog.status.text() else ():
            life.say("done", f"written reports/{base.name}/{file.name}", _digest(file))
            life.say("done", f"reported {_digest(file)}", True)
        dialog.close()
        life.until(lambda: page.report.dialog is None)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


LIVES = {"import": take_in, "export": hand_out, "report": report}
