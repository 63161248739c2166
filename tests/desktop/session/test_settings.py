"""Settings survive a restart; damaged ones fall back to their defaults."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from divisive_desktop import privacy
from divisive_desktop.desktop.session import settings_table
from divisive_desktop.desktop.session.settings import RECENT_LIMIT, Settings


def test_settings_survive_a_restart(home: Path) -> None:
    first = Settings()
    first.theme = "dark"
    first.analyse_on_opening = False
    first.add_recent([Path("/a b/ä.dcm")])
    first.set_folder("open", Path("/a b"))
    first.sync()
    again = Settings()
    assert (home / "settings.ini").is_file()
    assert again.theme == "dark"
    assert not again.analyse_on_opening
    assert again.recent == [str(Path("/a b/ä.dcm"))]
    assert again.folder("open") == str(Path("/a b"))


def test_recent_files_are_newest_first_once_and_few(home: Path) -> None:
    settings = Settings()
    for i in range(RECENT_LIMIT + 5):
        settings.add_recent([Path(f"/f{i}")])
    settings.add_recent([Path("/f10")])
    assert settings.recent[0] == str(Path("/f10"))
    assert len(settings.recent) == RECENT_LIMIT == len(set(settings.recent))
    settings.clear_recent()
    assert settings.recent == []


def test_damaged_settings_fall_back(home: Path) -> None:
    (home / "settings.ini").write_text(
        "[appearance]\ntheme=plaid\n[window]\ngeometry=nonsense\n[engine]\ndevice=abacus\n\0"
    )
    settings = Settings()
    assert settings.theme == "system"
    assert settings.device == "auto"
    assert settings.window_layout()[0].isEmpty()


ROWS = [row for row in vars(settings_table).values() if isinstance(row, settings_table.Setting)]


def every_key(value: str) -> str:
    """A file in which every setting has the same value."""
    sections: dict[str, list[str]] = {}
    for row in ROWS:
        section, _, key = row.key.replace("{}", "open").rpartition("/")
        sections.setdefault(section, []).append(f"{key}={value}")
    return "\n".join(f"[{name}]\n" + "\n".join(lines) for name, lines in sections.items()) + "\n"


def bomb(kind: int) -> str:
    """Qt makes a list, an image or an array of two thousand million entries of it."""
    return "".join(f"\\x{byte:02x}" for byte in (*kind.to_bytes(4, "big"), 0x7F, 0xFF, 0xFF, 0xFE, *range(12)))


VALUES = (
    "", "plaid", "-1", "1e999", "nan", "9" * 40, "@Invalid()", "@ByteArray(\\xff\\0)", "a, b, c", ", , ,", "[" * 5000,
    '{"a": NaN, "a": 1}', '"' + "x" * 100_000 + '"', "\\x1b[2K\\x202e", "%00", "@@x", "../../etc/passwd",
    "//host/share",
)  # fmt: skip
BOMBS = (
    *(f"@Variant({bomb(kind)})" for kind in (8, 9, 11, 12, 26, 28, 65, 70)), f'"@Var"iant({bomb(9)})',
    f"\\x40Variant({bomb(9)})", f"\\100\\x56ariant({bomb(9)})", f"x, @Variant({bomb(9)})", "@DateTime(\\x7f\\xff)",
)  # fmt: skip


def everything(settings: Settings) -> list[object]:
    known = [settings.get(row) for row in ROWS if "{}" not in row.key]
    return [*known, settings.rates, settings.user, settings.window_layout(), settings.worklist(),
            settings.columns_known, settings.folder("open"), settings.layout_for("x")]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda v: v[:20])
def test_any_value_of_any_setting_is_taken_or_its_default(value: str, home: Path) -> None:
    (home / "settings.ini").write_text(every_key(value), encoding="utf-8")
    settings = Settings()
    everything(settings)
    settings.add_recent([Path("/x")])
    settings.theme = "dark"
    settings.sync()
    assert Settings().theme == "dark"


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_no_value_makes_qt_take_all_memory(home: Path) -> None:
    """Where Qt were to read them, the child would end: no Python code could catch that."""
    files = [home / f"{number}.ini" for number in range(len(BOMBS))]
    for file, value in zip(files, BOMBS, strict=True):
        file.write_text(every_key(value))
    code = (
        "import resource, sys; from pathlib import Path; resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))\n"
        "from tests.desktop.session.test_settings import Settings, everything\n"
        "for name in sys.argv[1:]:\n    assert everything(Settings(Path(name)))[0] == 'system'"
    )
    subprocess.run([sys.executable, "-c", code, *files], check=True, timeout=60, cwd=Path(__file__).parents[3])
    assert not any(file.exists() for file in files)
    assert all(file.with_name(f"{file.name}.unreadable").is_file() for file in files), "kept for who wrote them"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
@pytest.mark.parametrize("what", ["pipe", "device", "giant", "folder", "not text"])
def test_a_file_that_is_no_file_of_settings_is_set_aside(what: str, home: Path) -> None:
    file = home / "settings.ini"
    if what == "pipe":
        os.mkfifo(file)
    elif what == "device":
        file.symlink_to("/dev/zero")
    elif what == "folder":
        file.mkdir()
    else:
        file.write_bytes(b"[appearance]\ntheme=" + (b"x" * (2 << 20) if what == "giant" else b"\xff\xfe\x00" * 99))
    settings = Settings()
    assert settings.theme == "system"
    everything(settings)
    assert not privacy.identity_shown()
    settings.theme = "dark"
    settings.sync()
    assert Settings().theme == "dark"


def test_ordinary_settings_are_read_as_before(home: Path) -> None:
    names = [Path("/a@b(1)/ä.dcm"), Path("/x,@Variant(y).dcm"), Path('/quo"te\\x40.dcm')]
    first = Settings()
    first.add_recent(names)
    first.user = ("@Variant(Dr. Alice)", "reader, @home(1)")
    first.sync()
    again = Settings()
    assert again.recent == [str(name) for name in names]
    assert again.user == ("@Variant(Dr. Alice)", "reader, @home(1)")
