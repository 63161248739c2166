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
    work.set_columns(["label", "verdict", "probability"])
    work.filters.setChecked(True)
    work.set_order("disagreement")
    window.resizeDocks([window.findChild(QDockWidget, "worklist")], [590], Qt.Orientation.Horizontal)
    wait_for(lambda: window.services.runner.idle, TIMEOUT_S, "the window")
    pump(300)
    if not work.grab().copy(0, 0, work.width(), min(work.height(), 580)).save(str(target)):
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
    session, size = painting.session, painting.session.mask.size
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
