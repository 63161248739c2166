"""Settings survive a restart; damaged ones fall back to their defaults."""

from __future__ import annotations

from pathlib import Path

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
