"""One start of the real program with somebody at work in it, until it is killed (see ``kill_window.py``)."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for tests.desktop.pages

from tests.durability.scenes import SIDE  # the folder was made known just now

EPOCHS = 3
PATIENCE_S = 180.0


class Life:
    """One start of the program, with somebody at work in it."""

    def __init__(self, path: Path, seed: int, out: int) -> None:
        from divisive_desktop.desktop import application
        from divisive_desktop.desktop.session.settings import Settings
        from tests.desktop.pages import Page

        self.rng, self.seed, self._out = random.Random(seed), seed, out
        self._told: list[Callable[[], object]] = []
        settings = Settings()
        settings.analyse_on_opening = False
        application.application(["kill_window"])
        self.page = Page.build(settings, path, size=(1000, 700))
        self.page.window.show()
        self.until(lambda: "faces" in self.page.window.features)  # the last one to be installed
        self.until(lambda: self.page.book_open)
        assert self.page.casebook.reason is None, self.page.casebook.reason
        self.until(lambda: self.page.casebook.idle)
        self.say("open", "", None)

    def say(self, word: str, key: str, value: Any) -> None:
        os.write(self._out, (json.dumps([word, key, value]) + "\n").encode())

    def until(self, reached: Callable[[], bool]) -> None:
        from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop
        from PySide6.QtWidgets import QApplication

        end = time.monotonic() + PATIENCE_S
        while not reached():
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 10)
            # What was let go of (``deleteLater``) goes only in a loop of Qt's own, which the program runs in.
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
            if time.monotonic() > end:
                raise TimeoutError("waited for too long")
            time.sleep(0.001)

    def end(self) -> None:
        """Close the window. What listens to it lets go, or Qt would keep the window and all that it refers to."""
        for forget in self._told:
            forget()
        self.page.discard()
        os.close(self._out)

    def engine(self) -> None:
        """Start the engine, and tell its number each time that one is ready."""
        runner = self.page.runner

        def changed(_: Any) -> None:
            if runner.engine is not None:
                self.say("engine", "", runner.engine.pid)

        runner.engineChanged.connect(changed)
        self._told.append(lambda: runner.engineChanged.disconnect(changed))
        runner.start_engine("cpu")
        self.until(lambda: runner.engine is not None)

    # -- painting and what is said about cases ------------------------------------------------------------------

    def paint(self) -> None:
        while True:
            case = self.page.case(self.rng.randrange(len(self.page.cases)))
            what = self.rng.choice(("stroke", "stroke", "stroke", "label", "notes", "tags", "review"))
            if what == "stroke":
                self.stroke(case)
                continue
            value: Any
            if what == "label":
                value = None if case.label == 1 else 1 if case.label == 0 else 0
                key, say = f"label {case.id}", lambda v=value, c=case: self.page.label(v, [c])
            elif what == "notes":
                value = f"note {self.rng.randrange(10**9)}"
                key, say = f"notes {case.id}", lambda v=value, c=case: self.page.note(v, c)
            elif what == "tags":
                value = [f"tag{self.rng.randrange(100)}"]
                key, say = f"tags {case.id}", lambda v=value, c=case: self.page.tag([c], v, list(c.tags))
            else:
                from divisive_desktop.desktop.session.case import Review

                state = self.rng.choice([r for r in Review if r is not case.review and r is not Review.NEW])
                value = state.stored
                key, say = f"review {case.id}", lambda v=state, c=case: self.page.review(v, [c])
            self.say("begin", key, value)
            say()
            self.until(lambda: self.page.casebook.idle)
            self.say("done", key, value)

    def stroke(self, case: Any) -> None:
        painting, session = self.page.paint, self.page.paint_session
        self.page.select(case)
        self.until(lambda: session.record is not None and session.record.sha256 == case.sha256)
        self.until(lambda: session.mask is not None)
        painting.take("brush")
        session.set_settings(brush_radius=float(self.rng.randint(2, 9)))
        for _ in range(self.rng.randint(1, 4)):
            x, y = self.rng.randrange(SIDE), self.rng.randrange(SIDE)
            painting.dab(x, y)
            self.say("begin", f"mask {case.id}", session.mask.digest())
            if self.rng.random() < 0.5:
                self.until(lambda: painting.nothing_to_save)
        self.until(lambda: painting.nothing_to_save)
        assert painting.saving == "saved"
        self.say("done", f"mask {case.id}", session.mask.digest())

    # -- a batch --------------------------------------------------------------------------------------------------

    def batch(self) -> None:
        book, batch = self.page.book, self.page.batch
        told: set[int] = set()

        def kept(_: frozenset[int]) -> None:
            """On the writer's thread, after what it wrote is on the disk."""
            for status in book.batches.rows()[:1]:
                for item in book.batches.items(status.id, "done"):
                    if item.id not in told:
                        told.add(item.id)
                        self.say("done", f"item {item.id}", "done")

        for status in book.batches.rows():
            told.update(item.id for item in book.batches.items(status.id, "done"))
        book.listeners.append(kept)
        unfinished = [b for b in book.batches.rows(unfinished=True) if b.pending]
        if unfinished:
            self.say("resumed", f"batch {unfinished[0].id}", unfinished[0].pending)
        self.engine()
        while True:
            if unfinished:
                self.page.resume_batch(unfinished[0].id)
                self.until(lambda: batch.running)
            elif not batch.running:
                batch.start([c for c in self.page.cases if c.error is None])
            self.until(lambda: not batch.running and self.page.casebook.idle)
            unfinished = [b for b in book.batches.rows(unfinished=True) if b.pending]  # the engine was killed
            self.until(lambda: self.page.runner.engine is not None)

    # -- a training -----------------------------------------------------------------------------------------------

    def train(self) -> None:
        from divisive_desktop.engine.finetuning import preparation

        run = self.page.tuning.run
        run.epochDone.connect(lambda e: self.say("done", f"epoch {run.id} {e.epoch}", True))
        self.engine()
        refused = False
        while True:
            book = self.page.book
            newest = next(iter(book.runs.rows()), None)
            if newest is not None and newest.state == "interrupted" and not refused:
                run.resume(newest.id)
            else:
                request = preparation.fine_tune_request(
                    book, "small-1", method="difference", stages="head", epochs=EPOCHS, device="cpu"
                )
                run.start(request, ("no finding", "abnormal"))
            self.until(lambda: run.state not in ("preparing", "idle") and (run.id is not None or run.state == "failed"))
            refused = run.id is None  # its images were labelled anew by another life, and that was said
            if refused:
                continue
            if newest is not None and run.id == newest.id:
                self.say("resumed", f"run {run.id}", None)
            self.say("done", f"run {run.id}", "begun")
            self.until(lambda: not run.busy)
            self.until(lambda: self.page.casebook.idle)
            if run.state == "done":
                self.say("done", f"run {run.id}", "done")
                run.discard()
                self.until(lambda: self.page.casebook.idle)
            self.until(lambda: self.page.runner.engine is not None)

    def migrate(self) -> None:
        self.until(lambda: False)


def live(scenario: str, path: Path, seed: int, out: int) -> None:
    """A life until it is killed."""
    from tests.durability import handing

    life = Life(path, seed, out)
    if scenario in handing.LIVES:
        handing.LIVES[scenario](life, path)
    {"painting": life.paint, "batch": life.batch, "training": life.train, "migration": life.migrate}[scenario]()
