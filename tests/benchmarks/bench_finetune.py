"""Fine-tuning in the real window, with real events and the real engine, on research data that isn't shipped.

Run: ``python tests/benchmarks/bench_finetune.py [--data FOLDER] [--work FOLDER] [--shots FOLDER]``. FOLDER holds
``index.csv`` with patient, label and split, ``images/`` and ``masks_lung/``. What happens:

1. where no model that was trained on labels alone came with the program, one is trained, on other patients (once; kept
   in ``--work``);
2. films are opened in a window, labelled, twelve masks are painted with the mouse, the others imported; *Fine-tune* is
   clicked with its defaults and the before/after table waited for, while a timer watches the event loop;
3. the same again in another process, which is killed (-9) in the middle; a new window offers to resume, does, the
   result is kept and a case analysed with it.

Each step is a process of its own. Offscreen unless QT_QPA_PLATFORM says otherwise.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for tests.desktop.pages

BASE = "bench-cross-entropy"
LEARN, PAINTED = 100, 12
LIMIT_S, LIMIT_GAP_MS, LIMIT_ENERGY, LIMIT_AUROC = 90.0, 100.0, 0.8, -0.02
Row = dict[str, str]


def films(data: Path) -> tuple[list[Row], list[Row], list[Row]]:
    """Films with a good mask: to learn from, to hold out (all films of other patients), and for a base model.

    The first two are of the split ``test``: no shipped model has seen them.
    """
    split: dict[str, list[Row]] = {"train": [], "test": []}
    with (data / "index.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["mask_quality"] == "ok" and row["split"] in split:
                split[row["split"]].append(row)
    learn: list[Row] = []
    for row in split["test"]:
        alone = row["patient"] not in {r["patient"] for r in learn}
        if alone and sum(r["label"] == row["label"] for r in learn) < LEARN // 2:
            learn.append(row)
    known = {r["patient"] for r in learn}
    held = [r for r in split["test"] if r["patient"] not in known]
    few = min(sum(r["label"] == label for r in held) for label in "01")
    held = [r for label in "01" for r in [r for r in held if r["label"] == label][:few]]
    by_class = [[r for r in split["train"] if r["label"] == label][:110] for label in "01"]
    return learn, held, [r for pair in zip(*by_class, strict=True) for r in pair]


# ---- the base model ----------------------------------------------------------------------------------------


def base_model() -> str:
    """The shipped model that was trained on labels alone, else one made here."""
    from divisive_desktop.library import store

    found = [m.card.id for m in store.find_models("chest-xray") if m.shipped and m.card.method == "cross_entropy"]
    return found[0] if found else BASE


def make_base(data: Path, home: Path) -> None:
    """Train on labels alone: such a model looks wherever it pays."""
    from divisive_desktop.cli.training import train_command

    folder = home / "base-data"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "films").exists():  # an index names only files in its own folder
        (folder / "films").symlink_to(data.resolve(), target_is_directory=True)
    _, _, rows = films(data)
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "split", "mask", "group"])
        for row in rows:
            share = hashlib.sha256(row["patient"].encode()).digest()[0] / 256
            split = "train" if share < 0.6 else "val" if share < 0.8 else "test"
            mask = f"films/masks_lung/{Path(row['file']).stem}.png"
            writer.writerow([f"films/{row['file']}", row["label"], split, mask, row["patient"]])
    train_command(
        task="chest-xray", data=[folder], out=home / "models" / BASE, default=True, controls=False,
        changes={"method": "cross_entropy", "epochs": 8, "copies": 2},
    )


# ---- in the window -----------------------------------------------------------------------------------------


class Watchdog:
    """How long the event loop doesn't get back to a timer, and how much of that the window itself worked."""

    EVERY_MS = 10

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self.gaps: list[tuple[float, float]] = []
        self._last = time.perf_counter(), time.thread_time()
        self._timer = QTimer(timerType=Qt.TimerType.PreciseTimer, interval=self.EVERY_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        now = time.perf_counter(), time.thread_time()
        self.gaps.append(((now[0] - self._last[0]) * 1e3 - self.EVERY_MS, (now[1] - self._last[1]) * 1e3))
        self._last = now

    def stop(self) -> dict[str, float]:
        self._timer.stop()
        return {
            "gap_ms": max(g for g, _ in self.gaps), "work_ms": max(w for _, w in self.gaps),
            "gaps_over": sum(g > LIMIT_GAP_MS for g, _ in self.gaps),
        }  # fmt: skip


def cpu_seconds(pid: int) -> float:
    """What a process has computed, all cores together: on a busy machine this says more than the clock."""
    import psutil

    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


class Script:
    """A person at the window."""

    def __init__(self, shots: Path | None) -> None:
        from divisive_desktop.desktop.session.settings import Settings
        from tests.desktop.pages import Page

        settings = Settings()
        settings.analyse_on_opening = False
        self.page = Page.build(settings).show()
        self.shots = shots
        self.until(lambda: self.page.book_open)
        self.page.start_engine()
        self.until(lambda: self.page.runner.engine is not None, 180)

    def until(self, condition: Callable[[], Any], timeout_s: float = 60) -> None:
        from PySide6.QtCore import QEventLoop, QTimer

        if condition():
            return
        loop, end = QEventLoop(), time.monotonic() + timeout_s
        timer = QTimer(interval=5)
        timer.timeout.connect(lambda: loop.quit() if condition() or time.monotonic() > end else None)
        timer.start()
        loop.exec()
        timer.stop()
        if not condition():
            raise TimeoutError("the window didn't get there")

    def pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end, seconds + 10)

    def shot(self, name: str, widget: Any = None) -> None:
        """Pictures in light and dark."""
        if self.shots is None:
            return
        widget = widget or self.page.tuning.dialog
        for theme in ("dark", "light"):
            self.page.theme.choice = theme
            self.pause(0.2)
            widget.grab().save(str(self.shots / f"{name}-{theme}.png"))

    def click(self, button: Any) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        assert button.isEnabled(), button.text()
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    # -- the work of an analyst ---------------------------------------------------------------------------

    def fill(self, data: Path) -> None:
        """Open, label, paint twelve masks, import the others."""
        import cv2

        from divisive_desktop.masks.mask import Mask

        learn, held, _ = films(data)
        rows = [*learn, *held]
        self.page.begin_opening(*(data / row["file"] for row in rows))
        self.until(lambda: len(self.page.cases) == len(rows) and self.page.casebook.idle and self.page.idle, 300)
        cases = {case.path.name: case for case in self.page.cases}
        for label in (0, 1):
            self.page.label(label, [cases[Path(r["file"]).name] for r in rows if r["label"] == str(label)])
        for side, members in (("train", learn), ("holdout", held)):
            for row in members:
                case = cases[Path(row["file"]).name]
                service, patient = self.page.casebook, row["patient"]
                service.write(lambda book, i=case.id, p=patient: book.splits.set_patient(i, p))
                service.write(lambda book, i=case.id, side=side: book.splits.set_side(i, side))
        self.page.viewer.set_layout("image")
        for row in rows[:PAINTED]:
            self.paint(cases[Path(row["file"]).name], self.mask_of(data, row))
        for row in rows[PAINTED:]:
            case, mask = cases[Path(row["file"]).name], self.mask_of(data, row)
            size = cv2.imread(str(data / row["file"]), cv2.IMREAD_GRAYSCALE).shape
            full = Mask.from_array(cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST), "lungs")
            self.page.casebook.write(lambda book, case=case, full=full: book.masks.save(case.id, full, tool="import"))
        self.until(lambda: self.page.casebook.idle, 120)
        self.page.select(cases[Path(rows[0]["file"]).name])

    @staticmethod
    def mask_of(data: Path, row: Row) -> Any:
        import cv2

        return cv2.imread(str(data / "masks_lung" / f"{Path(row['file']).stem}.png"), cv2.IMREAD_GRAYSCALE)

    def paint(self, case: Any, mask: Any) -> None:
        """Trace the two lungs with the lasso: press, move along the outline, release."""
        import cv2

        page, painting = self.page, self.page.paint
        page.select(case)
        self.until(lambda: painting.ready and page.current is case)
        self.pause(0.05)
        painting.take("lasso")
        record = page.record
        scale = record.width / mask.shape[1], record.height / mask.shape[0]
        outlines, _ = cv2.findContours((mask > 127).astype("uint8"), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        for outline in sorted(outlines, key=len)[-2:]:
            points = outline.reshape(-1, 2)[:: max(1, len(outline) // 60)]
            page.hand.drag(*((x * scale[0], y * scale[1]) for x, y in points))
        self.until(lambda: painting.nothing_to_save)

    def open_dialog(self) -> Any:
        """The fine-tuning window with the base model chosen and the data looked at."""
        tuning = self.page.tuning
        self.page.trigger("finetune")
        self.until(lambda: tuning.prepared is not None)
        dialog = tuning.dialog
        dialog.resize(1280, 800)
        setup = dialog.setup
        base = base_model()
        if tuning.prepared.request.base != base:
            texts = [setup.base.itemText(i) for i in range(setup.base.count())]
            setup.base.setCurrentIndex(next(i for i, text in enumerate(texts) if text.startswith(f"{base} ")))
            self.until(lambda: tuning.prepared.request.base == base)
        self.until(lambda: setup.time.text(), 120)
        return dialog


def first(data: Path, shots: Path | None) -> dict[str, Any]:
    """Fill a casebook, fine-tune with the defaults, measure."""
    script = Script(shots)
    script.fill(data)
    masks = script.page.book.runs.training_cases()
    script.shot("painted", script.page.window)
    dialog, run = script.open_dialog(), script.page.tuning.run
    estimate = dialog.setup.time.text()
    script.shot("setup")
    dog, clicked, worked = Watchdog(), time.perf_counter(), cpu_seconds(script.page.runner.training_pid)
    script.click(dialog.setup.start)
    half = script.page.tuning.prepared.request.epochs // 2
    script.until(lambda: run.busy)
    script.until(lambda: len(run.history) >= half or not run.busy, 1200)
    live = dialog.grab() if shots is not None else None
    script.until(lambda: run.state == "done" and dialog.stack.currentIndex() == 2, 1200)
    wall = time.perf_counter() - clicked
    engine_cpu = cpu_seconds(script.page.runner.training_pid) - worked
    loop = dog.stop()
    if live is not None:
        live.save(str(shots / "live-light.png"))
    script.until(lambda: dialog.result.compare.shown is not None, 60)
    script.pause(1)
    script.shot("result")
    for i, name in ((1, "guard"), (2, "cases")):
        dialog.result.tabs.setCurrentIndex(i)
        script.shot(f"result-{name}")
    result = run.result
    figures = {
        side.name: {
            n: (round(side.before[n].value, 3), round(side.after[n].value, 3), side.differences[n].change)
            for n in side.before
        }
        for side in (result.holdout, result.guard) if side is not None
    }  # fmt: skip
    checked = script.page.tuning.prepared.check
    script.click(dialog.result.discard)
    script.until(lambda: script.page.casebook.idle)
    script.page.close()
    return {
        "wall_s": wall, "engine_cpu_s": engine_cpu, "base": result.base.id, "estimate": estimate,
        "figures": figures, "verdict": result.verdict.headline,
        "sentences": result.verdict.sentences, "train": checked.train, "holdout": checked.holdout,
        "painted": PAINTED, "masks": sum(c.mask is not None for c in masks), "engine_s": result.seconds, **loop,
    }  # fmt: skip


def second() -> dict[str, Any]:
    """Begin a run and wait to be killed."""
    script = Script(None)
    dialog, run = script.open_dialog(), script.page.tuning.run
    script.click(dialog.setup.start)
    script.until(lambda: len(run.history) >= 2, 1200)
    print("READY", flush=True)
    script.pause(600)
    return {}


def third(shots: Path | None) -> dict[str, Any]:
    """Resume from the banner, keep, analyse."""
    script = Script(shots)
    page = script.page
    tuning, run = page.tuning, page.tuning.run
    script.until(lambda: page.messages.find("interrupted"))
    script.shot("banner", page.window)
    clicked = time.perf_counter()
    page.messages.press("Resume", page.messages.find("interrupted"))
    script.until(lambda: tuning.dialog is not None and run.state == "running", 60)
    script.until(lambda: run.history or not run.busy, 600)
    resumed_at = len(run.history)
    script.until(lambda: run.state == "done", 1200)
    wall = time.perf_counter() - clicked
    dialog = tuning.dialog
    dialog.resize(1280, 800)
    weights = run.result.model.weights_sha256
    script.click(dialog.result.keep)
    script.until(lambda: dialog.result.kept_words.text())
    script.shot("kept")
    kept = dialog.result.kept_words.text()
    page.trigger("versions")
    script.until(lambda: tuning.versions is not None and tuning.versions.tree.topLevelItemCount())
    script.pause(0.5)
    script.shot("versions", tuning.versions)
    case = next(iter(page.cases))
    page.select(case)
    script.until(lambda: page.record is not None and page.idle)
    page.trigger("analyse")
    script.until(lambda: case.analysis is not None, 60)
    script.pause(1)
    script.shot("analysed", page.window)
    said = case.analysis.model
    script.until(lambda: page.casebook.idle)
    page.close()
    return {
        "resume_s": wall, "epochs_before": resumed_at, "kept": kept, "analysed_with": said.id,
        "same_weights": said.weights_sha256 == weights, "weights": weights,
    }  # fmt: skip


# ---- the table ---------------------------------------------------------------------------------------------


def stage(name: str, arguments: argparse.Namespace, home: Path) -> dict[str, Any]:
    """Run one step as a process of its own; what it found."""
    command = [sys.executable, "-X", "faulthandler", __file__, "--stage", name, "--data", str(arguments.data)]
    if arguments.shots:
        command += ["--shots", str(arguments.shots)]
    environment = {**os.environ, "DIVISIVE_DESKTOP_HOME": str(home)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("READY"):
                process.send_signal(signal.SIGKILL)
            elif line.startswith("FOUND "):
                found: dict[str, Any] = json.loads(line[6:])
                return found
    if name == "second" and process.returncode == -signal.SIGKILL:
        return {}
    raise SystemExit(f"step {name} failed ({process.returncode})")


def main() -> None:
    """Run all steps and print what they found, each figure with its limit."""
    default = Path(os.environ.get("DIVISIVE_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "chest_xray"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--work", type=Path, help="where the base model is kept between runs")
    parser.add_argument("--shots", type=Path, help="where screenshots go")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if arguments.shots:
        arguments.shots.mkdir(parents=True, exist_ok=True)
    if arguments.stage:
        steps: dict[str, Callable[[], dict[str, Any] | None]] = {
            "base": lambda: make_base(arguments.data, Path(os.environ["DIVISIVE_DESKTOP_HOME"])),
            "first": lambda: first(arguments.data, arguments.shots), "second": second,
            "third": lambda: third(arguments.shots),
        }  # fmt: skip
        print("FOUND", json.dumps(steps[arguments.stage]() or {}), flush=True)
        return
    if not (arguments.data / "index.csv").is_file():
        raise SystemExit(f"no research data in {arguments.data}")
    with tempfile.TemporaryDirectory() as temporary:
        home = arguments.work or Path(temporary)
        if base_model() == BASE and not (home / "models" / BASE / "card.json").is_file():
            stage("base", arguments, home)
        for old in home.glob("*.casebook"):
            old.rename(Path(temporary) / f"old-{time.time_ns()}")
        one = stage("first", arguments, home)
        stage("second", arguments, home)
        two = stage("third", arguments, home)
    _print(one, two)


def _print(one: dict[str, Any], two: dict[str, Any]) -> None:
    print(f"{sum(one['train'])} cases to learn from, {sum(one['holdout'])} held out, {one['masks']} masks, "
          f"{one['painted']} of them painted with the mouse; base {one['base']}; {os.cpu_count()} processors, "
          f"load {os.getloadavg()[0]:.1f}")
    held = one["figures"]["holdout"]
    rows = (
        ("click to before/after, s", one["wall_s"], LIMIT_S, "≤", f"estimate: {one['estimate']}"),
        ("  computed by the engine, s per core", one["engine_cpu_s"] / (os.cpu_count() or 1), LIMIT_S, "≤",
         f"{one['engine_cpu_s']:.0f} s of processor time"),
        ("longest gap of the event loop, ms", one["gap_ms"], LIMIT_GAP_MS, "≤", f"{one['gaps_over']} over the limit"),
        ("  of it the window's own work, ms", one["work_ms"], LIMIT_GAP_MS, "≤", ""),
        ("energy of D inside the masks", held["energy"][1], LIMIT_ENERGY, "≥", f"before {held['energy'][0]}"),
        ("AUROC, after minus before", held["auroc"][1] - held["auroc"][0], LIMIT_AUROC, "≥",
         f"{held['auroc'][0]} -> {held['auroc'][1]}, {held['auroc'][2]}"),
        ("border-only AUROC", held["border_auroc"][1], held["border_auroc"][0], "≤", held["border_auroc"][2]),
    )  # fmt: skip
    print(f"{'':38}{'found':>9}{'':>4}{'limit':>7}")
    for name, value, limit, sign, note in rows:
        print(f"{name:38}{value:9.3f}{sign:>4}{limit:7.2f}   {note}")
    print(one["verdict"])
    for sentence in one["sentences"]:
        print("  " + sentence)
    guard = one["figures"].get("guard")
    if guard:
        print(f"  guard set: AUROC {guard['auroc'][0]} -> {guard['auroc'][1]} ({guard['auroc'][2]})")
    same = "the kept weights" if two["same_weights"] else "OTHER WEIGHTS"
    print(f"killed (-9), resumed, done after {two['resume_s']:.0f} s. {two['kept']} A case analysed with it by "
          f"{two['analysed_with']}: {same}.")  # fmt: skip


if __name__ == "__main__":
    main()
