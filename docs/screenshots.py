"""Makes the pictures of the documentation from the real window: ``python docs/screenshots.py [FOLDER]``.

They show the sample radiograph of the package pydicom-data (MIT), analysed by the shipped model. Without a folder
``docs/images`` is written; with one, both themes at two sizes, to look them over.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).resolve().parent / "images"
TIMEOUT_S = 120.0


def states() -> list[tuple[str, Any, Any]]:
    """Caption, scope and decision of the states that an answer can be in; their figures are examples."""
    from divisive_desktop.explanation.decision import Decision, Experience
    from divisive_desktop.explanation.scope import FAMILIAR, ScopeCheck
    from divisive_desktop.explanation.share import Share

    own = Experience(True, 1, Share.of(112, 120), Share.of(120, 174), sensitivity=Share.of(82, 95),
                     specificity=Share.of(74, 79))  # fmt: skip
    others = Experience(False, 2, Share.of(109, 150), Share.of(150, 320), "children's films", Share.of(41, 62))
    elsewhere = Share.of(221, 320)
    unfamiliar = ScopeCheck("unfamiliar", ("made in another way than the films that the model was trained on",))

    def measured(p: tuple[float, float], known: Experience) -> Decision:
        return Decision("measured", p, experience=known, covered_elsewhere=elsewhere, calibrated_on=(140, 90))

    return [
        ("Familiar, decided", FAMILIAR, measured((0.02, 0.55), own)),
        ("Familiar, undecided", FAMILIAR, measured((0.32, 0.24), own)),
        ("Unfamiliar", unfamiliar, measured((0.04, 0.6), others)),
    ]


def picture_states(window: Any, target: Path) -> None:
    """The inspector's head in four states, beside each other: decided, undecided, unfamiliar, out of scope."""
    from dataclasses import replace

    from pydicom.data import get_testdata_file
    from PySide6.QtCore import QRect, Qt
    from PySide6.QtGui import QPainter, QPixmap

    from divisive_desktop.desktop.selftest.run import pump, wait_for
    from divisive_desktop.desktop.ui import theme

    window.services.theme.choice = "light"
    session, runner, inspector = window.services.session, window.services.runner, window.services.inspector
    case, shots = session.current, []
    analysis = replace(case.analysis, logits=(-0.3, 0.5))

    def shoot(caption: str) -> None:
        wait_for(lambda: runner.idle, TIMEOUT_S, "the inspector")
        inspector.verticalScrollBar().setValue(0)
        pump(600)
        head = window.features["inspection"].verdict
        shots.append((caption, inspector.grab().copy(QRect(0, 0, inspector.width(), head.height()))))

    for caption, scope, decision in states():
        case.analysis = replace(analysis, scope=scope, decision=decision)
        session.cases.changed(case)
        session.analysisChanged.emit(case)
        shoot(caption)
    case.analysis = analysis
    session.opening.open_paths([Path(str(get_testdata_file("CT_small.dcm")))], remember=False)
    wait_for(lambda: session.current.analysis_error is not None, TIMEOUT_S, "the refusal")
    shoot("Out of scope")
    session.remove([session.current])
    session.select(case)
    wait_for(lambda: runner.idle, TIMEOUT_S, "the window")

    gap, line = 12, 28
    width = sum(shot.width() + gap for _, shot in shots) - gap
    together = QPixmap(width, line + max(shot.height() for _, shot in shots))
    together.fill(theme.colour("hairline"))
    with QPainter(together) as painter:
        left = 0
        for caption, shot in shots:
            painter.fillRect(left, line, shot.width(), together.height(), window.palette().window())
            painter.drawText(left + gap, 0, shot.width(), line, Qt.AlignmentFlag.AlignVCenter, caption)
            painter.drawPixmap(left, line, shot)
            left += shot.width() + gap
    if not together.save(str(target)):
        raise SystemExit(f"{target} could not be written")
    print(target)


def picture_worklist(window: Any, target: Path) -> None:
    """The worklist with filters and columns, beside the picture."""
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QDockWidget

    from divisive_desktop.desktop.selftest.run import pump, wait_for
    from divisive_desktop.desktop.session.case import Review

    work, cases = window.features["worklist"].panel, list(window.services.session.cases)
    window.services.theme.choice = "light"
    window.services.session.batch.start_all(cases)
    batch, runner = window.services.session.batch, window.services.runner
    wait_for(lambda: not batch.running and runner.idle, TIMEOUT_S, "the other cases")
    window.services.session.edits.set_label(0, [cases[0]])
    window.services.session.edits.set_review(Review.DONE, [cases[0]])
    window.services.session.edits.set_review(Review.FLAGGED, [cases[1]])
    window.services.session.edits.change_tags([cases[1]], ["second look"], [])
    work.set_columns(["label", "verdict"])
    work.filters.setChecked(True)
    work.set_order("disagreement")
    window.resizeDocks([window.findChild(QDockWidget, "worklist")], [590], Qt.Orientation.Horizontal)
    wait_for(lambda: window.services.runner.idle, TIMEOUT_S, "the window")
    pump(300)
    if not work.grab().copy(0, 0, work.width(), min(work.height(), 640)).save(str(target)):
        raise SystemExit(f"{target} could not be written")
    print(target)


def picture_report(window: Any, target: Path) -> None:
    """The report window with the pages of the radiograph's report."""
    from divisive_desktop.desktop.selftest.run import pump, wait_for

    window.services.theme.choice = "light"
    reports = window.features["reports"]
    reports.open()
    wait_for(lambda: reports.dialog is not None and reports.dialog.preview.pages, TIMEOUT_S, "the pages")
    dialog = reports.dialog
    dialog.form.institution.setText("University Hospital")
    dialog.form.folder.setText("Reports")
    dialog.form.conclusion.setPlainText("Rounded opacities in both lungs. The model looks at the whole lung fields.")
    pump(600)
    wait_for(lambda: reports.idle, TIMEOUT_S, "the pages")
    pump(300)
    if not dialog.grab().save(str(target)):
        raise SystemExit(f"{target} could not be written")
    print(target)
    dialog.close()


def picture_painting(window: Any, target: Path) -> None:
    """Two regions painted on the radiograph, the brush over a third place."""
    from PySide6.QtTest import QTest

    from divisive_desktop.desktop.selftest.run import pump, wait_for
    from divisive_desktop.desktop.viewer.maps import PaneKind
    from divisive_desktop.masks import shapes

    painting, runner = window.features["painting"], window.services.runner
    session, size = painting.paint_session, painting.paint_session.mask.size
    window.services.theme.choice = "light"
    window.viewer.set_layout("image")
    painting.set_tool("brush")
    session.set_settings(brush_radius=70.0)
    for name, weight, (x, y, w, h) in (("effusion", 1.0, (450, 1000, 380, 330)), ("hilum", 0.5, (1180, 620, 240, 300))):
        session.add_region(name)
        session.change_region(session.regions.active.id, weight=weight)
        session.stamp(name, shapes.ellipse((x, y), (x + w, y + h), size))
    wait_for(lambda: window.services.runner.idle, TIMEOUT_S, "the mask")
    canvas = window.viewer.panes[PaneKind.IMAGE].canvas
    QTest.mouseMove(canvas, canvas.transform().to_widget(1330, 1130).toPoint())
    pump(300)
    if not window.grab().save(str(target)):
        raise SystemExit(f"{target} could not be written")
    print(target)
    session.clear()
    for region in session.mask.regions:
        session.remove_region(region.id)
    painting.set_tool("pan")
    window.viewer.set_layout("2x2")
    wait_for(lambda: runner.idle and painting.saver.idle(), TIMEOUT_S, "the mask")


def main() -> int:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        os.environ.setdefault("DIVISIVE_DESKTOP_HOME", home)  # a fresh user, whatever the real one has set
        from divisive_desktop.desktop import application
        from divisive_desktop.desktop.features.opening.samples import sample_paths
        from divisive_desktop.desktop.selftest.run import pump, wait_for
        from divisive_desktop.desktop.startup import crash

        application.application()
        crash.install()
        window = application.build(casebook=Path(home) / "Pictures.casebook")  # not the one of whoever runs this
        try:
            window.show()
            session, runner = window.services.session, window.services.runner
            runner.start_engine()
            session.opening.open_paths(sample_paths(), remember=False)
            wait_for(lambda: session.analyses.features is not None and runner.idle, TIMEOUT_S, "the analysis")
            if len(sys.argv) > 1:
                shots = [(f"{t}-{w}x{h}", t, (w, h)) for t in ("light", "dark") for w, h in ((1280, 800), (2560, 1440))]
                folder = Path(sys.argv[1])
            else:
                shots = [("window", "light", (1440, 900)), ("window-dark", "dark", (1440, 900))]
                folder = IMAGES
            folder.mkdir(parents=True, exist_ok=True)
            for name, theme, size in shots:
                window.services.theme.choice = theme
                window.resize(*size)
                wait_for(lambda: runner.idle, TIMEOUT_S, "the window")
                window.viewer.state.view.fit()
                pump(200)
                target = folder / f"{name}.png"
                if not window.grab().save(str(target)):
                    print(f"{target} could not be written", file=sys.stderr)
                    return 1
                print(target)
            if len(sys.argv) == 1:
                picture_states(window, IMAGES / "states.png")
                picture_report(window, IMAGES / "report.png")
                picture_painting(window, IMAGES / "painting.png")
                picture_worklist(window, IMAGES / "worklist.png")
        finally:
            window.close()
            window.deleteLater()
            pump(10)
    return 0


if __name__ == "__main__":
    sys.exit(main())
