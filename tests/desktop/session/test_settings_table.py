"""The table of settings: each is kept and read again, no file can stop the program, the guide is up to date."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QByteArray, QSettings

from divisive_desktop.desktop.session import settings_table
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.session.settings_table import (
    DEVICE,
    FOLDERS,
    IDENTITY_VISIBLE,
    LAYOUTS,
    MAX_PIXELS,
    PAGES,
    TABLE,
    Changes,
    Choice,
    Flag,
    Number,
    Percents,
    Setting,
    Text,
)

DOCS = Path(__file__).resolve().parents[3] / "docs"
SINGLE = tuple(s.named("chest-opacity") if s in (FOLDERS, LAYOUTS) else s for s in TABLE)
each = pytest.mark.parametrize("setting", SINGLE, ids=[s.key for s in SINGLE])

BAD = (
    "", "plaid", "a, b", "-1", "0", "1.5", "1e9", "9" * 5000, "[]", "null", "{", "[" * 100_000, '"{\\"a\\": 1"',
    "@Invalid()", "@Size(1 2)", "@Rect(1 2 3 4)", "@ByteArray(\\0\\xff)", "@Variant(\\0\\0\\0\\x2)", "@@x", "\\x0",
)  # fmt: skip
"""What an editor, a damaged disk or another program may have left in the file."""


def values(setting: Setting[Any]) -> list[Any]:
    """Values that it may have."""
    kind = setting.kind
    if isinstance(kind, Flag):
        return [True, False]
    if isinstance(kind, Choice):
        return list(kind.options)
    if isinstance(kind, Number):
        return [kind.minimum, kind.maximum, None]
    if isinstance(kind, Percents):
        return [(0, 0), (kind.highest, kind.highest), (0, 5), (30, 1)]
    if isinstance(kind, Changes):
        return [{"invert": "Ctrl+,", "fit": ""}, {"Right": "pan"}, {}]
    if setting is DEVICE:
        return ["auto", "cpu", "cuda", "cuda:12", "mps"]
    if isinstance(kind, Text):
        return ["Müller, Hans; \"50 %\" C:\\b ", "@Size(1 2)", "true", "读者", ""]
    if isinstance(setting.default, QByteArray):
        return [QByteArray(b"\0\xff;,\"\n@ByteArray("), QByteArray(b"\1")]
    return [["/a, b/ä.dcm", "C:\\x;y"], ["/one alone"], ["@Invalid()", ""], []]


@each
def test_a_value_is_read_again_as_it_was_kept(home: Path, setting: Setting[Any]) -> None:
    for value in values(setting):
        first = Settings()
        first.set(setting, value)
        assert first.get(setting) == value
        first.sync()
        assert Settings().get(setting) == value


@each
def test_at_first_it_is_the_default(home: Path, setting: Setting[Any]) -> None:
    found = Settings().get(setting)
    assert found == setting.default
    if isinstance(found, list | QByteArray):
        found.append("x")
        assert Settings().get(setting) == setting.default, "the table's own default can't be changed"


@each
def test_whatever_the_file_holds_the_value_is_one_that_it_may_have(home: Path, setting: Setting[Any]) -> None:
    group, _, name = setting.key.partition("/")
    for bad in BAD:
        (home / "settings.ini").write_text(f"[{group}]\n{name}={bad}\n", encoding="utf-8")
        found = Settings().get(setting)
        assert found == setting.default or setting.read(setting.write(found)) == found, bad


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("appearance/theme", "plaid"), ("appearance/theme", "Dark"), ("engine/device", "abacus"),
        ("engine/device", "cuda:"), ("privacy/identity", "yes"), ("privacy/names", "1"),
        ("work/analyse_on_opening", "off"), ("images/max_pixels", "0"), ("images/max_pixels", "999999"),
        ("images/max_pixels", "4000000001"), ("images/max_pixels", "much"), ("bindings/keys", "[1]"),
        ("bindings/mouse", "{"), ("files/recent", "@Size(1 2)"), ("user/name", "@Size(1 2)"),
        ("answers/error_rate", "31"), ("answers/error_rate", "5/31"), ("answers/error_rate", "5/5/5"),
        ("window/geometry", "nonsense"), ("worklist/small", "small"),
    ],
)  # fmt: skip
def test_what_it_may_not_be_counts_as_missing(home: Path, key: str, bad: str) -> None:
    (setting,) = (s for s in TABLE if s.key == key)
    group, _, name = key.partition("/")
    (home / "settings.ini").write_text(f"[{group}]\n{name}={bad}\n", encoding="utf-8")
    assert Settings().get(setting) == setting.default


@pytest.mark.parametrize(
    ("name", "bad"),
    [("theme", "plaid"), ("device", "abacus"), ("max_pixels", 0), ("max_pixels", 4_000_000_001)],
)
def test_what_could_not_be_read_again_is_not_kept(home: Path, name: str, bad: object) -> None:
    settings = Settings()
    before = getattr(settings, name)
    with pytest.raises(ValueError, match=str(bad)):
        setattr(settings, name, bad)
    assert getattr(settings, name) == before


def test_reports_see_the_privacy_switch_at_once(home: Path) -> None:
    from divisive_desktop import privacy

    settings = Settings()
    for on in (True, False):
        settings.identity_visible = on
        assert privacy.identity_shown() is on
    assert [s for s in TABLE if s.at_once] == [IDENTITY_VISIBLE]


def test_each_setting_is_in_the_table_once_and_has_its_words() -> None:
    made = [value for value in vars(settings_table).values() if isinstance(value, Setting)]
    assert set(made) == set(TABLE)
    assert len({s.key for s in TABLE}) == len(TABLE)
    for setting in TABLE:
        assert setting.text, setting.key
        assert setting.help.endswith("."), setting.key
        assert setting.kind.allowed(), setting.key
        assert setting.kind.words(setting.default), setting.key
        assert (setting.row is not None) == (setting.section in PAGES), f"{setting.key}: a row needs a page"


def test_values_in_words() -> None:
    assert MAX_PIXELS.kind.words(None) == "256 megapixels"
    assert MAX_PIXELS.kind.words(4_000_000_000) == "4,000 megapixels"
    assert IDENTITY_VISIBLE.kind.words(True) == "on"


def test_the_file_is_as_it_always_was(home: Path) -> None:
    """Other versions of the program read it, too."""
    settings = Settings()
    settings.theme, settings.identity_visible, settings.names_identify = "dark", True, False
    settings.analyse_on_opening, settings.max_pixels, settings.device = False, 8_000_000, "cuda:1"
    settings.keys, settings.mouse = {"invert": "Ctrl+F9"}, {"Right": "pan"}
    settings.user = ("Erika", "")
    settings.set_folder("open", Path("a"))
    settings.set_layout_for("chest-opacity", "1x2")
    settings.recent = ["a", "b"]
    settings.set_worklist(QByteArray(b"x"), True, 17)
    settings.sync()
    kept = QSettings(str(home / "settings.ini"), QSettings.Format.IniFormat)
    assert {key: kept.value(key) for key in kept.allKeys()} == {
        "appearance/theme": "dark", "privacy/identity": "true", "privacy/names": "false",
        "work/analyse_on_opening": "false", "images/max_pixels": "8000000", "engine/device": "cuda:1",
        "bindings/keys": '{"invert": "Ctrl+F9"}', "bindings/mouse": '{"Right": "pan"}', "user/name": "Erika",
        "user/role": "", "files/open_folder": "a", "layouts/chest-opacity": "1x2", "files/recent": ["a", "b"],
        "worklist/columns": QByteArray(b"x"), "worklist/small": "true", "worklist/columns_known": "17",
    }  # fmt: skip
    settings.max_pixels = None
    settings.sync()
    assert QSettings(str(home / "settings.ini"), QSettings.Format.IniFormat).value("images/max_pixels") == ""


@pytest.mark.parametrize(("kept", "percents", "rates"), [
    ("5", (5, 5), (0.05, 0.05)), ("0", (0, 0), None), ("5/20", (5, 20), (0.05, 0.2)), ("0/20", (0, 20), (None, 0.2)),
])  # fmt: skip
def test_one_error_rate_of_before_holds_for_both_classes(
    home: Path, kept: str, percents: tuple[int, int], rates: object
) -> None:
    (home / "settings.ini").write_text(f"[answers]\nerror_rate={kept}\n", encoding="utf-8")
    settings = Settings()
    assert settings.error_rates == percents
    assert settings.rates == rates
    settings.error_rates = settings.error_rates
    settings.sync()
    stored = QSettings(str(home / "settings.ini"), QSettings.Format.IniFormat).value("answers/error_rate")
    assert stored == kept, "what earlier versions can read is kept as they read it"


def test_the_page_of_the_guide_is_up_to_date() -> None:
    written = (DOCS / "settings.md").read_text(encoding="utf-8")
    made = runpy.run_path(str(DOCS / "settings_page.py"))["page"]()
    assert written == made, "the table of settings has changed: run  python docs/settings_page.py"
    for setting in TABLE:
        assert f"| {setting.text} |" in written
    assert "](settings.md)" in (DOCS / "guide.md").read_text(encoding="utf-8")
