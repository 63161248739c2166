"""Photographs every page, dialog and menu of the window, to compare two states of the program.

::

    python tests/photographs.py --out before            # of this tree; --tree DIR: of another one
    python tests/photographs.py --out after
    python tests/photographs.py --compare before after  # differences in pixels and in words; exits with 1 if any

Each photograph (PNG) has a text beside it: every visible widget with its words, tooltip, key, state and place, every
row of a list, every entry of a menu; the texts are the stronger comparison. The program is started as people start it
(``python -m divisive_desktop``) and is worked through what Qt knows: actions by their ids, widgets by their words.
So nothing here depends on how the package is laid out.

Clocks stand still in all its processes, identities are counted, folders and settings are fresh and always in the same
place: one run at a time. What still differs between runs (process numbers) is masked by `MASKS`.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

SIZE = (1440, 900)
PLACE = Path(tempfile.gettempdir()) / "divisive-photographs"
"""Paths are seen in the window, so they must be the same in each run."""
REPORT = Path(__file__).resolve().parent / "data" / "v0_1_0" / "Reports" / "report-10a8dbf460a3.json"
SCENES = ("empty", "open", "cases", "views", "menus", "worklist", "light", "dark", "painting", "measure", "rest")
"""What is photographed, in this order: most need what those before them left."""
INNER = "--inside"
MASKS = (
    (re.compile(r"process \d+"), "process N"),
    (re.compile(r"^About .* on the processor$"), "About N seconds on the processor"),
    (re.compile(r"^.* GB memory free$"), "N GB memory free"),
    (re.compile(r"\b\d+\.\d+\.\d+\+g[0-9a-f]+"), "VERSION"),
)
MASKED_TIPS = ("Creation on Windows; elsewhere the directory entry's last change",)
"""Labels with these tooltips say something else in each run."""
BUSY = ("Saving…", "Reading…")
"""Labels that say that something is on its way."""
Steps = Generator[None, None, None]
TIMEOUT_S = 400.0
"""Much longer than it takes: machines may be busy."""

SITECUSTOMIZE = '''
"""For photographs: the time stands still, identities are counted."""
import datetime, itertools, time, uuid

_real = datetime.datetime

class _Still(_real):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 1, 2, 10, 15, tzinfo=datetime.timezone.utc).astimezone(tz) if tz else cls(2026, 1, 2, 10, 15)

    @classmethod
    def utcnow(cls):
        return cls(2026, 1, 2, 10, 15)

_Still.__name__ = _Still.__qualname__ = "datetime"
_Still.__module__ = "datetime"
datetime.datetime = _Still
time.perf_counter = lambda: 0.0  # what is measured for show; deadlines use time.monotonic
_numbers = itertools.count(1)
uuid.uuid4 = lambda: uuid.UUID(int=next(_numbers) + (4 << 76) + (8 << 60))
'''
SCREEN = '{"screens": [{"name": "photo", "x": 0, "y": 0, "width": 1920, "height": 1440, "logicalDpi": 96, "dpr": 1}]}'


# ---- outside: a fresh place, the program in a process of its own ---------------------------------------------------


def photograph(out: Path, tree: Path, scenes: str) -> int:
    """Start the program of ``tree`` in a fresh place and let `Photographer` work it; returns its exit code."""
    shutil.rmtree(PLACE, ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for name in ("home", "still", "Pictures", "Medium"):
        (PLACE / name).mkdir(parents=True)
    (PLACE / "still" / "sitecustomize.py").write_text(SITECUSTOMIZE)
    (PLACE / "screen.json").write_text(SCREEN)
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("DIVISIVE_", "QT_", "XDG_"))},
        "HOME": str(PLACE / "home"), "XDG_CONFIG_HOME": str(PLACE / "home" / "config"),
        "XDG_DATA_HOME": str(PLACE / "home" / "data"), "XDG_CACHE_HOME": str(PLACE / "home" / "cache"),
        "XDG_RUNTIME_DIR": str(PLACE / "home"), "DIVISIVE_DESKTOP_HOME": str(PLACE / "home" / "divisive"),
        "QT_QPA_PLATFORM": f"offscreen:configfile={PLACE / 'screen.json'}", "LANG": "C.UTF-8", "TZ": "UTC",
        "LOGNAME": "analyst", "QT_LOGGING_RULES": "qt.*=false;default=false",
        "PYTHONPATH": os.pathsep.join([str(PLACE / "still"), str(tree)]),
        "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "CUDA_VISIBLE_DEVICES": "",
    }  # fmt: skip
    command = [sys.executable, str(Path(__file__).resolve()), INNER, str(out.resolve()), scenes]
    return subprocess.run(command, env=environment, cwd=PLACE, check=False).returncode


def lay_out_pictures() -> None:
    """Copies of pictures that are installed with libraries, with one time for all."""
    import cv2
    import numpy as np
    from pydicom.data import get_testdata_file
    from skimage import data as skimage_data

    def sample(name: str) -> Path:
        path = get_testdata_file(name, download=False)
        if not path:
            raise SystemExit(f"{name} is missing: install the samples extra")
        return Path(str(path))

    pictures = PLACE / "Pictures"
    shutil.copy(sample("RG1_UNCR.dcm"), pictures / "radiograph.dcm")
    shutil.copy(sample("emri_small.dcm"), pictures / "slices.dcm")
    shutil.copy(Path(skimage_data.__file__).parent / "astronaut.png", pictures / "face.png")
    y, x = np.mgrid[0:300, 0:400]
    grey = (30 + x // 4 + 90 * ((x - 150) ** 2 + (y - 140) ** 2 < 4000)).astype(np.uint8)
    cv2.imwrite(str(pictures / "grey.png"), grey)
    shutil.copy(REPORT, PLACE / "report.json")
    (PLACE / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    for name in ("CT_small.dcm", "MR_small.dcm", "RG1_UNCR.dcm"):
        shutil.copy(sample(name), PLACE / "Medium")
    for path in (*PLACE.glob("*/*.*"), PLACE / "broken.png", PLACE / "report.json"):
        os.utime(path, (1_750_000_000, 1_750_000_000))


def inside(out: Path, scenes: list[str]) -> int:
    """In the fresh place: run the program, with the photographer where its event loop begins."""
    lay_out_pictures()
    from PySide6.QtWidgets import QApplication

    photographer = Photographer(out, scenes)
    begin = QApplication.exec

    def exec_(*_: Any) -> int:
        photographer.begin()
        return begin()

    QApplication.exec = exec_  # type: ignore[method-assign,assignment]
    sys.argv = ["divisive-desktop"]
    try:
        runpy.run_module("divisive_desktop", run_name="__main__")
    except SystemExit as e:
        print(f"the program ended with {e.code}")
    return 0 if photographer.complete else 1


# ---- inside: words -------------------------------------------------------------------------------------------------


def masked(text: str, tip: str = "") -> str:
    if tip in MASKED_TIPS:
        return "MASKED"
    for pattern, instead in MASKS:
        text = pattern.sub(instead, text)
    return text


def on_one_line(text: str) -> str:
    return masked(text).replace("\n", "⏎").replace("\t", "⇥")


def kind(widget: Any) -> str:
    """The class of Qt that a widget is one of."""
    meta = widget.metaObject()
    while not re.fullmatch(r"Q[A-Z]\w+", meta.className()) and meta.superClass() is not None:
        meta = meta.superClass()
    return str(meta.className())


def value_of(widget: Any) -> str:
    """What a widget shows besides its text."""
    from PySide6 import QtWidgets as W

    if isinstance(widget, W.QComboBox):
        items = [widget.itemText(i) for i in range(widget.count())]
        return f"{widget.currentText()!r} of {items}"
    if isinstance(widget, (W.QAbstractSlider, W.QProgressBar)):
        return f"{widget.value()} in {widget.minimum()}..{widget.maximum()}"
    if isinstance(widget, W.QAbstractSpinBox):
        return widget.text()
    if isinstance(widget, W.QLineEdit):
        return f"{widget.text()!r} placeholder {widget.placeholderText()!r}"
    if isinstance(widget, (W.QTextEdit, W.QPlainTextEdit)):
        return repr(widget.toPlainText())
    if isinstance(widget, (W.QTabWidget,)):
        return f"{widget.tabText(widget.currentIndex())!r} of {[widget.tabText(i) for i in range(widget.count())]}"
    if isinstance(widget, W.QGroupBox):
        return repr(widget.title())
    return ""


def rows_of(view: Any) -> Iterator[str]:
    """Every cell of a list, table or tree that isn't hidden."""
    from PySide6.QtCore import QModelIndex, Qt
    from PySide6.QtWidgets import QHeaderView

    model, roles = view.model(), Qt.ItemDataRole
    if isinstance(view, QHeaderView) or model is None:
        return

    def hidden(column: int) -> bool:
        return bool(getattr(view, "isColumnHidden", lambda _: False)(column))

    def below(parent: QModelIndex, depth: int) -> Iterator[str]:
        for row in range(model.rowCount(parent)):
            cells = []
            for column in range(model.columnCount(parent)):
                if hidden(column):
                    continue
                index = model.index(row, column, parent)
                told = [str(index.data(roles.DisplayRole) or "")]
                if tip := index.data(roles.ToolTipRole):
                    told.append(f"tip {tip!r}")
                if (mark := index.data(roles.CheckStateRole)) is not None:
                    told.append(f"check {mark}")
                cells.append(" ".join(told))
            yield f"{'  ' * depth}row {' | '.join(cells)}"
            yield from below(model.index(row, 0, parent), depth + 1)

    titles = [
        str(model.headerData(c, Qt.Orientation.Horizontal)) for c in range(model.columnCount()) if not hidden(c)
    ]
    yield f"columns {titles}"
    yield from itertools.islice(below(QModelIndex(), 0), 400)


def words_of(widget: Any) -> list[str]:
    """Every visible widget in it, from the top down and from left to right; not in the order they were made."""
    from PySide6 import QtWidgets as W
    from PySide6.QtCore import QPoint

    plain = W.QWidget  # whose methods are asked: a widget of ours may have a field of the same name
    found: list[tuple[int, int, str, list[str]]] = []
    for part in (widget, *widget.findChildren(W.QWidget)):
        if not plain.isVisibleTo(part, widget) or plain.window(part) is not plain.window(widget):
            continue
        if part.objectName().startswith("qt_scrollarea"):
            continue
        at = part.mapTo(widget, QPoint(0, 0)) if part is not widget else QPoint(0, 0)
        facts = [f"{plain.width(part)}x{plain.height(part)}"]
        if isinstance(part, (W.QLabel, W.QAbstractButton)):
            facts.append(repr(masked(part.text(), part.toolTip())))
        for name, told in (
            ("value", value_of(part)), ("tip", part.toolTip()), ("spoken", part.accessibleName()),
            ("title", part.windowTitle() if part.isWindow() or isinstance(part, W.QDockWidget) else ""),
        ):  # fmt: skip
            if told:
                facts.append(f"{name} {told!r}" if name != "value" else told)
        if isinstance(part, W.QAbstractButton):
            if part.isCheckable():
                facts.append("checked" if part.isChecked() else "unchecked")
            if not part.shortcut().isEmpty():
                facts.append(f"key {part.shortcut().toString()}")
        if not part.isEnabled():
            facts.append("off")
        if part.hasFocus():
            facts.append("focus")
        lines = [on_one_line(f"{kind(part)} {' '.join(facts)}")]
        if isinstance(part, W.QAbstractItemView):
            lines += [f"    {on_one_line(row)}" for row in rows_of(part)]
        found.append((at.y(), at.x(), lines[0], lines))
    found.sort(key=lambda f: f[:3])
    return [f"{x},{y} {lines[0]}" if n == 0 else line for y, x, _, lines in found for n, line in enumerate(lines)]


def words_of_action(action: Any) -> str:
    if action.isSeparator():
        return f"---- {action.text()}".rstrip()
    facts = [action.objectName() or "-", repr(action.text())]
    if not action.shortcut().isEmpty():
        facts.append(f"key {action.shortcut().toString()}")
    facts.append(f"tip {action.toolTip()!r}")
    facts += [word for word, said in (("off", not action.isEnabled()), ("hidden", not action.isVisible())) if said]
    if action.isCheckable():
        facts.append("checked" if action.isChecked() else "unchecked")
    if action.menu() is not None:
        facts.append("submenu")
    return on_one_line(" ".join(facts))


# ---- inside: the photographer ----------------------------------------------------------------------------------------


class Photographer:
    """Works the program step by step from a timer, so that dialogs which run a loop of their own can be seen too."""

    def __init__(self, out: Path, scenes: list[str]) -> None:
        self.out, self.scenes = out, scenes
        self.complete = False
        self.window: Any = None
        self.tried: set[str] = set()
        self.asked: list[str] = []
        """What file dialogs were asked, since the last time it was written down."""
        self.answers: dict[str, Any] = {}
        self._number = 0
        self._busy = False
        self._pools: list[Any] = []

    def begin(self) -> None:
        """Called when the event loop is about to start."""
        from PySide6.QtCore import QTimer
        from PySide6.QtWidgets import QApplication, QFileDialog

        app = QApplication.instance()
        app.setCursorFlashTime(0)
        for name in ("getOpenFileName", "getOpenFileNames", "getSaveFileName", "getExistingDirectory"):
            setattr(QFileDialog, name, staticmethod(self._file_dialog(name)))
        self._steps = self._all()
        self._timer = QTimer(interval=30)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _file_dialog(self, name: str) -> Callable[..., Any]:
        def ask(*arguments: Any, **named: Any) -> Any:
            told = [a for a in arguments if isinstance(a, str)] + [f"{k}={v}" for k, v in named.items()]
            self.asked.append(on_one_line(f"{name} {told}"))
            answer = self.answers.pop(name, [] if name == "getOpenFileNames" else "")
            return answer if name == "getExistingDirectory" else (answer, "")

        return ask

    def _tick(self) -> None:
        if self._busy:
            return
        self._busy = True
        try:
            next(self._steps)
        except StopIteration:
            self.complete = True
            self._end()
        except BaseException:  # noqa: BLE001 - a failed step must not leave the window standing
            traceback.print_exc()
            self._end()
        finally:
            self._busy = False

    def _end(self) -> None:
        from PySide6.QtWidgets import QApplication

        self._timer.stop()
        for widget in self.tops():
            if widget is not self.window:
                widget.close()
        if self.window is not None:
            self.window.close()
        QApplication.quit()

    # -- looking -------------------------------------------------------------------------------------------------------

    @staticmethod
    def tops() -> list[Any]:
        """Windows on the screen."""
        from PySide6.QtWidgets import QApplication

        return [w for w in QApplication.topLevelWidgets() if w.isVisible()]

    def actions(self) -> dict[str, Any]:
        """Every action of the window that has an id."""
        from PySide6.QtGui import QAction

        return {a.objectName(): a for a in self.window.findChildren(QAction) if a.objectName()}

    def shot(self, name: str, widget: Any = None) -> None:
        """A photograph and its words."""
        from PySide6.QtWidgets import QLabel

        widget = widget if widget is not None else self.window
        self._number += 1
        path = self.out / f"{self._number:03}-{name}"
        labels = [(x, x.text()) for x in widget.findChildren(QLabel)]
        labels = [(x, text) for x, text in labels if masked(text, x.toolTip()) != text]
        for label, text in labels:
            label.setText(masked(text, label.toolTip()))
        widget.grab().save(f"{path}.png")
        for label, text in labels:
            label.setText(text)
        path.with_suffix(".txt").write_text("\n".join(words_of(widget)) + "\n", encoding="utf-8")
        print(path.name, flush=True)

    def note(self, name: str, lines: list[str]) -> None:
        """Words without a photograph."""
        self._number += 1
        (self.out / f"{self._number:03}-{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def note_actions(self, name: str) -> None:
        self.note(f"{name}-actions", [words_of_action(a) for _, a in sorted(self.actions().items())])

    # -- waiting -------------------------------------------------------------------------------------------------------

    def _idle(self) -> bool:
        from PySide6.QtCore import QThreadPool

        if not self._pools:
            self._pools = [o for o in gc.get_objects() if isinstance(o, QThreadPool)]
        return all(pool.activeThreadCount() == 0 for pool in self._pools)

    def settle(self, quiet_s: float = 0.35) -> Steps:
        """Until nothing works in the background and nothing moves on the screen."""
        end, last, since, looked = time.monotonic() + TIMEOUT_S, None, time.monotonic(), 0.0
        while time.monotonic() < end:
            yield
            if time.monotonic() - looked < 0.1:
                continue
            looked = time.monotonic()
            now = [(w.windowTitle(), w.width(), w.grab().toImage()) for w in self.tops()]
            if now != last or not self._idle():
                last, since = now, time.monotonic()
            elif time.monotonic() - since > quiet_s and not self._says_busy():
                return
        raise TimeoutError("the window doesn't come to rest")

    def _says_busy(self) -> bool:
        from PySide6.QtWidgets import QLabel

        return any(x.text() in BUSY for w in self.tops() for x in w.findChildren(QLabel) if x.isVisible())

    def until(self, condition: Callable[[], bool], what: str) -> Steps:
        end = time.monotonic() + TIMEOUT_S
        while not condition():
            if time.monotonic() > end:
                self.shot("stuck")
                raise TimeoutError(what)
            yield

    def says(self, *words: str, within: Any = None) -> bool:
        """Whether one of these words is seen in the main window, or in another one."""
        from PySide6.QtWidgets import QLabel

        labels = (within or self.window).findChildren(QLabel)
        return any(w in x.text() for x in labels if x.isVisible() for w in words)

    # -- working -------------------------------------------------------------------------------------------------------

    def do(self, action: str, **answers: Any) -> Steps:
        """Trigger an action and wait until what it does is done; ``answers`` are those of file dialogs."""
        from PySide6.QtCore import QTimer

        self.answers.update(answers)
        found = self.actions().get(action)
        if found is None:
            self.note(f"missing-{action}", ["no such action"])
            return
        self.tried.add(action)
        if not found.isEnabled():
            self.note(f"off-{action}", ["the action is off"])
            return
        QTimer.singleShot(0, self.window, found.trigger)
        yield
        yield from self.settle()

    def windows_of(self, name: str, action: str, **answers: Any) -> Steps:
        """Photograph the windows that an action opens, with all their tabs, and close them."""
        before = set(map(id, self.tops()))
        self.asked.clear()
        yield from self.do(action, **answers)
        for _ in range(60):
            if self.asked or any(id(w) not in before for w in self.tops()):
                break
            yield
        yield from self.settle()
        if self.asked:
            self.note(f"{name}-asked", self.asked)
            self.asked = []
        for new in [w for w in self.tops() if id(w) not in before]:
            yield from self.pages_of(name, new)
            yield from self.dismiss(new)

    def pages_of(self, name: str, widget: Any) -> Steps:
        from PySide6.QtWidgets import QMenu, QTabWidget

        if isinstance(widget, QMenu):
            self.photograph_menu(name, widget)
            return
        yield from self.settle()
        self.shot(name, widget)
        for tabs in widget.findChildren(QTabWidget):
            if not tabs.isVisible():
                continue
            for page in range(1, tabs.count()):
                tabs.setCurrentIndex(page)
                yield from self.settle()
                self.shot(f"{name}-{tabs.tabText(page)}".replace(" ", "-"), widget)

    def dismiss(self, widget: Any) -> Steps:
        from PySide6.QtWidgets import QDialog, QMessageBox

        if isinstance(widget, QDialog) and not isinstance(widget, QMessageBox):
            widget.reject()
        else:
            widget.close()
        for _ in range(200):
            if widget not in self.tops():
                break
            yield
        yield from self.settle()

    def photograph_menu(self, name: str, menu: Any) -> None:
        """A menu that is on the screen."""
        self._number += 1
        path = self.out / f"{self._number:03}-{name}"
        menu.grab().save(f"{path}.png")
        lines = [words_of_action(a) for a in menu.actions()]
        path.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(path.name, flush=True)

    def menu(self, name: str, menu: Any) -> Steps:
        """A menu and the menus in it."""
        from PySide6.QtCore import QPoint

        menu.popup(QPoint(20, 20))
        yield
        yield
        self.photograph_menu(f"{name}", menu)
        menu.hide()
        yield
        for action in menu.actions():
            if action.menu() is not None:
                yield from self.menu(f"{name}-{action.text().replace(' ', '-').replace('&', '')}", action.menu())

    def menus(self, name: str) -> Steps:
        """The menu bar and everything below it."""
        for action in self.window.menuBar().actions():
            yield from self.menu(f"{name}-menu-{action.text()}", action.menu())

    def context_menus(self, name: str) -> Steps:
        """Of lists, heads of lists, buttons with a menu, and the picture."""
        from PySide6.QtCore import QPoint, Qt
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QApplication, QMenu, QToolButton, QWidget

        policy = Qt.ContextMenuPolicy
        for widget in self.window.findChildren(QWidget):
            if not widget.isVisible():
                continue
            if widget.contextMenuPolicy() == policy.ActionsContextMenu:
                menu = QMenu(self.window)
                menu.addActions(widget.actions())
                yield from self.menu(f"{name}-context-{kind(widget)}", menu)
            elif widget.contextMenuPolicy() == policy.CustomContextMenu:
                widget.customContextMenuRequested.emit(QPoint(6, 6))
                yield
                yield
                if popped := QApplication.activePopupWidget():
                    self.photograph_menu(f"{name}-context-{kind(widget)}", popped)
                    popped.close()
                    yield
            elif isinstance(widget, QToolButton) and widget.menu() is not None:
                yield from self.menu(f"{name}-button-{widget.accessibleName() or widget.text()}", widget.menu())
        QTest.mouseClick(self.canvas(), Qt.MouseButton.RightButton)
        for _ in range(20):
            yield
            if popped := QApplication.activePopupWidget():
                self.photograph_menu(f"{name}-context-picture", popped)
                popped.close()
                break
        yield from self.settle()

    def dock(self, name: str) -> Any:
        from PySide6.QtWidgets import QDockWidget

        return self.window.findChild(QDockWidget, name)

    def canvas(self) -> Any:
        """What lies under the middle of the upper left pane of the picture."""
        left, right = self.dock("worklist"), self.dock("inspector")
        x = left.geometry().right() + 150
        assert x < right.geometry().left()
        return self.window.childAt(x, 300)

    def choose(self, name: str) -> Steps:
        """Make a case the current one."""
        from PySide6.QtWidgets import QTableView

        view = self.dock("worklist").findChild(QTableView)
        model = view.model()
        for row in range(model.rowCount()):
            if any(name in str(model.index(row, c).data() or "") for c in range(model.columnCount())):
                view.setCurrentIndex(model.index(row, 0))
                break
        else:
            raise LookupError(f"no case {name} in the list")
        yield
        yield from self.settle(0.7)
        yield from self.until(lambda: not self.says("Analysing", "Waiting for"), f"the analysis of {name}")
        yield from self.settle()

    def unfold_all(self) -> Steps:
        """Every section of the inspector."""
        from PySide6.QtCore import Qt
        from PySide6.QtWidgets import QToolButton

        for head in self.dock("inspector").findChildren(QToolButton):
            if head.isCheckable() and head.arrowType() == Qt.ArrowType.RightArrow and not head.isHidden():
                head.setChecked(True)
                yield
        yield from self.settle(0.7)

    def inspector(self, name: str) -> Steps:
        from PySide6.QtWidgets import QScrollArea

        area = self.dock("inspector").findChild(QScrollArea)
        yield from self.settle(0.7)
        self.shot(f"{name}-inspector", area.widget())

    def draw(self, *points: tuple[float, float]) -> Steps:
        """Drag over the picture; points in parts of the canvas's width and height."""
        from PySide6.QtCore import QPoint, Qt
        from PySide6.QtTest import QTest

        canvas, left = self.canvas(), Qt.MouseButton.LeftButton
        at = [QPoint(round(x * canvas.width()), round(y * canvas.height())) for x, y in points]
        QTest.mousePress(canvas, left, Qt.KeyboardModifier.NoModifier, at[0])
        for point in at[1:]:
            QTest.mouseMove(canvas, point)
            yield
        QTest.mouseRelease(canvas, left, Qt.KeyboardModifier.NoModifier, at[-1])
        yield from self.settle()

    def click(self, text: str, within: Any = None) -> Steps:
        """Press a button by its words."""
        from PySide6.QtWidgets import QAbstractButton

        for button in (within or self.window).findChildren(QAbstractButton):
            if button.isVisible() and text in (button.text(), button.accessibleName()):
                button.click()
                break
        else:
            raise LookupError(f"no button {text}")
        yield
        yield from self.settle()

    # -- the tour ------------------------------------------------------------------------------------------------------

    def _all(self) -> Steps:
        from PySide6.QtWidgets import QMainWindow

        yield from self.until(lambda: any(isinstance(w, QMainWindow) for w in self.tops()), "the window")
        self.window = next(w for w in self.tops() if isinstance(w, QMainWindow))
        self.window.resize(*SIZE)
        yield from self.until(lambda: "finetune" in self.actions() and "fit" in self.actions(), "the viewer")
        yield from self.until(lambda: self.says("Engine ready"), "the engine")
        yield from self.do("theme-light")
        for scene in self.scenes:
            yield from getattr(self, f"_{scene}")()

    def _light(self) -> Steps:
        yield from self._theme("light")

    def _dark(self) -> Steps:
        yield from self._theme("dark")

    def _theme(self, theme: str) -> Steps:
        """Everything that opens beside the window."""
        yield from self.do(f"theme-{theme}")
        yield from self.choose("radiograph")
        self.shot(f"{theme}-window")
        yield from self._dialogs(theme)

    def _painting(self) -> Steps:
        for theme in ("dark", "light"):
            yield from self.do(f"theme-{theme}")
            yield from self._paint(theme)

    def _empty(self) -> Steps:
        self.shot("empty")
        self.note_actions("empty")
        yield from self.menus("empty")
        for name in ("settings", "shortcuts", "reading", "about", "versions", "finetune"):
            yield from self.windows_of(f"empty-{name}", name)
        yield from self.do("theme-dark")
        self.shot("empty-dark")
        yield from self.do("theme-light")
        for name in ("open", "open-folder", "open-by-patient", "casebook-new", "casebook-open", "casebook-copy",
                     "casebook-zip", "casebook-import", "report-check", "save-log"):  # fmt: skip
            yield from self.windows_of(f"cancelled-{name}", name)

    def _open(self) -> Steps:
        yield from self.do("open", getOpenFileNames=[str(PLACE / "broken.png")])
        yield from self.settle(1.0)
        self.shot("problem")
        self.note_actions("problem")
        yield from self.do("open-folder", getExistingDirectory=str(PLACE / "Pictures"))
        yield from self.settle(1.5)
        for name in ("slices", "grey", "face", "radiograph"):
            yield from self.choose(name)
            yield from self.until(
                lambda: self.actions()["features-auto"].isEnabled() or self.says("could not", "can't"), "the verdict"
            )
        yield from self.settle(1.0)

    def _cases(self) -> Steps:
        for name in ("radiograph", "face", "grey", "slices", "broken"):
            yield from self.choose(name)
            self.shot(f"case-{name}")
            yield from self.inspector(f"case-{name}")
        yield from self.choose("radiograph")
        yield from self.unfold_all()
        for name in ("radiograph", "face", "slices", "broken"):
            yield from self.choose(name)
            yield from self.inspector(f"unfolded-{name}")
        yield from self.choose("radiograph")
        yield from self.do("identity")
        self.shot("identity")
        yield from self.inspector("identity")
        yield from self.windows_of("identity-tags", "tags")
        yield from self.do("identity")

    def _views(self) -> Steps:
        layouts = [name for name in self.actions() if name.startswith("layout-")]
        for name in sorted(layouts):
            yield from self.do(name)
            self.shot(name)
        yield from self.do("layout-2x2")
        for name in ("scale-shared", "toggle-overlay", "wipe", "cell-grid", "cam-cells", "invert", "smooth-image",
                     "crosshair", "annotations", "overlays", "shutter", "sigmoid"):  # fmt: skip
            before = self.actions()[name].isChecked() if name in self.actions() else False
            yield from self.do(name)
            self.shot(f"view-{name}")
            if name in self.actions() and (name == "invert" or self.actions()[name].isChecked() != before):
                yield from self.do(name)
        for name in ("one-to-one", "zoom-in", "luts", "next-window", "reset-view"):
            yield from self.do(name)
            self.shot(f"view-{name}")
        yield from self.windows_of("second-screen", "second-screen")
        self.shot("second-screen-back")
        yield from self.choose("slices")
        yield from self.do("next-frame")
        self.shot("next-frame")
        yield from self.choose("face")
        yield from self.do("crop")
        self.shot("crop")
        yield from self.do("crop")
        yield from self.choose("radiograph")

    def _menus(self) -> Steps:
        self.note_actions("case")
        yield from self.menus("case")
        yield from self.context_menus("case")

    def _worklist(self) -> Steps:
        from PySide6.QtWidgets import QTableView

        yield from self.do("label-1")
        yield from self.do("review-done")
        yield from self.choose("face")
        yield from self.do("label-0")
        yield from self.do("review-flag")
        yield from self.choose("grey")
        yield from self.do("label-0")
        yield from self.do("review-open")
        yield from self.settle(1.0)
        self.shot("labelled")
        self.dock("worklist").findChild(QTableView).selectAll()
        yield from self.settle()
        self.shot("all-selected")
        yield from self.windows_of("batch", "analyse-selected")
        yield from self.until(lambda: not self.actions()["cancel"].isEnabled(), "the batch")
        yield from self.settle(1.0)
        self.shot("batch-done")
        yield from self.windows_of("failures", "failures")
        yield from self.choose("grey")
        yield from self.click("Filters", self.dock("worklist"))
        self.shot("worklist-filters", self.dock("worklist"))
        yield from self.click("Filters", self.dock("worklist"))
        for name in ("next", "previous", "next-open", "next-new"):
            yield from self.do(name)
            self.shot(f"went-{name}")

    def _dialogs(self, theme: str) -> Steps:
        for name in ("settings", "shortcuts", "reading", "about", "versions", "casebook-properties", "case-tags",
                     "notes", "tags"):  # fmt: skip
            yield from self.windows_of(f"{theme}-{name}", name)
        yield from self.windows_of(f"{theme}-by-patient", "open-by-patient", getExistingDirectory=str(PLACE / "Medium"))
        yield from self.windows_of(f"{theme}-report-check", "report-check", getOpenFileName=str(PLACE / "report.json"))
        yield from self._report(theme)
        yield from self._fine_tuning(theme)
        if theme == "light":
            for name in ("export-json", "save-picture", "results", "mask-import"):
                yield from self.windows_of(f"cancelled-{name}", name)

    def _report(self, theme: str) -> Steps:
        before = set(map(id, self.tops()))
        yield from self.do("report")
        yield from self.until(lambda: any(id(w) not in before for w in self.tops()), "the report window")
        window = next(w for w in self.tops() if id(w) not in before)
        yield from self.until(lambda: not self.says("are being made", within=window), "the pages")
        yield from self.settle(0.7)
        self.shot(f"{theme}-report", window)
        yield from self.dismiss(window)

    def _fine_tuning(self, theme: str) -> Steps:
        from PySide6.QtWidgets import QStackedWidget

        before = set(map(id, self.tops()))
        yield from self.do("finetune")
        yield from self.until(lambda: any(id(w) not in before for w in self.tops()), "the fine-tuning window")
        window = next(w for w in self.tops() if id(w) not in before)
        yield from self.until(lambda: not self.says("Measuring", within=window), "the estimate of time")
        yield from self.settle(1.0)
        for stack in window.findChildren(QStackedWidget):
            if stack.count() == 3 and stack.isVisible():
                for page in (0, 1, 2):
                    stack.setCurrentIndex(page)
                    yield from self.settle()
                    self.shot(f"{theme}-finetune-{page + 1}", window)
                stack.setCurrentIndex(0)
                break
        yield from self.dismiss(window)

    def _paint(self, theme: str) -> Steps:
        yield from self.choose("grey")
        yield from self.do("layout-image")
        for name in sorted(self._tools("Mask")):
            yield from self.do(name)
            self.shot(f"{theme}-paint-{name}")
        yield from self.do("tool-brush")
        shift = 0.1 if theme == "light" else 0.0
        yield from self.draw((0.3, 0.3 + shift), (0.4, 0.35 + shift), (0.5, 0.3 + shift))
        self.shot(f"{theme}-painted")
        yield from self.inspector(f"{theme}-painted")
        self.note_actions(f"{theme}-painted")
        yield from self.do("mask-add-region")
        yield from self.do("mask-from-features")
        self.shot(f"{theme}-drafted")
        for name in ("mask-reshape", "mask-specks", "mask-greys"):
            yield from self.do(name)
            self.shot(f"{theme}-{name}")
            yield from self.inspector(f"{theme}-{name}")
        for name in ("mask-shown", "mask-blind"):
            yield from self.do(name)
            self.shot(f"{theme}-{name}")
            yield from self.do(name)
        if theme == "light":
            yield from self.context_menus("painting")
            yield from self.windows_of("cancelled-mask-export", "mask-export")
        yield from self.do("tool-pan")
        yield from self.do("layout-2x2")

    def _tools(self, menu: str) -> set[str]:
        """Ids of the tools in the submenu Tools of a menu."""
        found: set[str] = set()
        for action in self.window.menuBar().actions():
            if action.text() == menu:
                for sub in action.menu().actions():
                    if sub.menu() is not None and sub.text() == "Tools":
                        found |= {a.objectName() for a in sub.menu().actions() if a.objectName()}
        return found

    def _measure(self) -> Steps:
        yield from self.choose("grey")
        yield from self.do("layout-image")
        for name in ("tool-ruler", "tool-ellipse", "tool-rectangle"):
            yield from self.do(name)
            low = {"tool-ruler": 0.2, "tool-ellipse": 0.45, "tool-rectangle": 0.65}[name]
            yield from self.draw((0.3, low), (0.45, low + 0.05), (0.6, low + 0.12))
        self.shot("measured")
        yield from self.do("tool-pan")
        yield from self.do("delete-measurement")

    def _rest(self) -> Steps:
        yield from self.do("close-case")
        self.shot("trashed")
        yield from self.windows_of("trash-empty", "trash-empty")
        yield from self.do("trash-restore")
        self.shot("restored")
        yield from self.do("full-screen")
        self.shot("full-screen")
        yield from self.do("full-screen")
        yield from self.do("find")
        self.shot("find")
        self.note_actions("end")
        self.note("not-tried", sorted(set(self.actions()) - self.tried))


# ---- comparing -------------------------------------------------------------------------------------------------------


def compare(first: Path, second: Path) -> int:
    """Say what differs; 0 if nothing does."""
    import difflib

    import cv2
    import numpy as np

    names = sorted({p.name for folder in (first, second) for p in folder.iterdir() if p.suffix in (".png", ".txt")})
    different = 0
    for name in names:
        a, b = first / name, second / name
        if not (a.exists() and b.exists()):
            print(f"{name}: only in {first if a.exists() else second}")
        elif a.suffix == ".txt":
            old, new = a.read_text(encoding="utf-8").splitlines(), b.read_text(encoding="utf-8").splitlines()
            if old == new:
                continue
            lines = [x for x in difflib.unified_diff(old, new, lineterm="", n=0) if not x.startswith(("---", "+++"))]
            print(f"{name}: words differ", *(f"    {x[:300]}" for x in lines[:12]), sep="\n")
        else:
            one, two = cv2.imread(str(a), cv2.IMREAD_UNCHANGED), cv2.imread(str(b), cv2.IMREAD_UNCHANGED)
            if one.shape != two.shape:
                print(f"{name}: {one.shape[1]} x {one.shape[0]} became {two.shape[1]} x {two.shape[0]}")
            elif (changed := np.any(one != two, axis=2)).any():
                y, x = np.nonzero(changed)
                where = f"in x {x.min()}..{x.max()}, y {y.min()}..{y.max()}"
                print(f"{name}: {int(changed.sum())} pixels differ {where}")
            else:
                continue
        different += 1
    print(f"{len(names)} files compared, {different} differ")
    return 1 if different or not names else 0


def main() -> int:
    if sys.argv[1:2] == [INNER]:
        return inside(Path(sys.argv[2]), sys.argv[3].split(","))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, help="folder for the photographs; what is in it goes")
    parser.add_argument("--tree", type=Path, default=Path(__file__).resolve().parent.parent, help="whose package")
    parser.add_argument("--scenes", default=",".join(SCENES), help="only these, comma-separated (all: %(default)s)")
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("BEFORE", "AFTER"))
    options = parser.parse_args()
    if options.compare:
        return compare(*options.compare)
    if options.out is None:
        parser.error("give --out DIR, or --compare BEFORE AFTER")
    return photograph(options.out, options.tree.resolve(), options.scenes)


if __name__ == "__main__":
    sys.exit(main())
