"""Both themes can be read, icons are seen in both, and the choice takes effect at once."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QComboBox
from pytestqt.qtbot import QtBot

from divisive_desktop import paths
from divisive_desktop.desktop.ui import icons, theme
from tests.desktop.pages import Page, until

SCHEMES = ("light", "dark")


def luminance(colour: QColor) -> float:
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.getRgbF()[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(a: QColor, b: QColor) -> float:
    """WCAG 2.2 contrast ratio, 1..21."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", SCHEMES)
def test_text_has_the_contrast_that_wcag_aa_asks_for(qapp: QApplication, name: str) -> None:
    raw = json.loads((paths.resources_dir() / "themes" / f"{name}.json").read_text())
    s = raw["semantic"]
    pairs = [
        (raw["windowText"], raw["window"]), (raw["text"], raw["base"]), (raw["buttonText"], raw["button"]),
        (raw["highlightedText"], raw["highlight"]), (raw["toolTipText"], raw["toolTipBase"]),
        (s["muted"], raw["window"]), (s["muted"], raw["base"]), (s["error"], raw["window"]),
        (s["warning"], s["warningBack"]), (raw["windowText"], s["warningBack"]), (raw["windowText"], s["errorBack"]),
        (s["info"], s["infoBack"]), (raw["link"], raw["window"]), (raw["text"], s["hover"]),
        (raw["placeholderText"], raw["base"]),
    ]  # fmt: skip
    poor = {pair: round(contrast(QColor(pair[0]), QColor(pair[1])), 2) for pair in pairs}
    assert {p: c for p, c in poor.items() if c < 4.5} == {}


@pytest.mark.parametrize("name", SCHEMES)
def test_every_icon_can_be_seen(qapp: QApplication, name: str) -> None:
    scheme = theme._load(name)
    ink, ground = scheme.palette.color(QPalette.ColorRole.WindowText), scheme.palette.color(QPalette.ColorRole.Window)
    for file in sorted((paths.resources_dir() / "icons").glob("*.svg")):
        if "currentColor" not in file.read_text():
            continue
        picture = icons.pixmap(file.stem, 24, ink).toImage()
        solid = [
            picture.pixelColor(x, y) for x in range(24) for y in range(24) if picture.pixelColor(x, y).alpha() > 200
        ]
        assert len(solid) > 8, f"{file.stem} draws nothing"
        assert min(contrast(QColor(c.rgb()), ground) for c in solid) > 3, f"{file.stem} can't be seen in {name}"


def test_every_icon_that_is_named_exists(page: Page) -> None:
    named = {action.icon for action in page.action_table if action.icon}
    for source in (Path(theme.__file__).parents[1]).rglob("*.py"):
        named |= set(re.findall(r'icons\.(?:icon|pixmap)\("([\w-]+)"', source.read_text()))
    assert {n for n in named if not (paths.resources_dir() / "icons" / f"{n}.svg").exists()} == set()


def test_choosing_a_theme_changes_the_window_at_once(qtbot: QtBot, page: Page) -> None:
    for name in SCHEMES:
        page.trigger(f"theme-{name}")
        assert page.theme.scheme.name == name
        assert page.settings.theme == name
        bright = (0.7, 1.0) if name == "light" else (0.0, 0.1)
        until(lambda b=bright: b[0] <= luminance(page.grab().toImage().pixelColor(5, 5)) <= b[1], f"a {name} window")
    page.trigger("theme-system")
    assert page.theme.choice == "system"


@pytest.mark.parametrize("name", SCHEMES)
def test_the_entry_of_a_list_that_is_chosen_can_be_read(qapp: QApplication, qtbot: QtBot, name: str) -> None:
    applied = theme.Theme(qapp, name)
    box = QComboBox()
    qtbot.addWidget(box)
    box.addItems(["heart", "lung", "face"])
    box.setCurrentIndex(1)
    box.show()
    box.showPopup()
    rows = box.view()
    qtbot.waitUntil(rows.isVisible)
    QApplication.processEvents()
    picture = rows.viewport().grab().toImage()

    def colours(row: int) -> list[QColor]:
        """Of a row away from its frame, the commonest first."""
        area = rows.visualRect(rows.model().index(row, 0)).adjusted(3, 3, -3, -3)
        pixels = Counter(
            picture.pixel(x, y) for x in range(area.left(), area.right()) for y in range(area.top(), area.bottom())
        )
        return [QColor(rgb) for rgb, _ in pixels.most_common()]

    grounds = [colours(row)[0] for row in range(3)]
    assert max(contrast(c, grounds[1]) for c in colours(1)) > 3, "nothing is written on the chosen entry"
    assert grounds[0] == grounds[2] != grounds[1], "the chosen entry looks like the others"
    box.hidePopup()
    applied.choice = "system"
