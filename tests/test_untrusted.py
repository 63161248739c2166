"""What must hold of the whole program where it reads what others made."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import divisive_desktop

CODE = sorted(Path(divisive_desktop.__file__).parent.rglob("*.py"))


def test_pictures_are_opened_in_formats_that_are_named() -> None:
    """Pillow tries every format that it knows otherwise, and some of those start other programs."""
    pattern = r"Image\.open\((?:[^()]|\([^()]*\)|\((?:[^()]|\([^()]*\))*\))*\)"
    calls = [(path.name, call) for path in CODE for call in re.findall(pattern, path.read_text())]
    assert len(calls) >= 6
    assert not [(name, call) for name, call in calls if "formats=" not in call]
    everywhere = sum(path.read_text().count("Image.open(") for path in CODE)
    assert everywhere == len(calls)  # none was missed


def test_nothing_is_unpickled_from_a_file_and_no_program_is_started() -> None:
    allowed = {"transport.py"}  # between our own processes
    for path in CODE:
        text = path.read_text()
        unsafe = re.search(r"pickle\.loads?\(|torch\.load\((?!.*weights_only=True)", text)
        assert path.name in allowed or not unsafe, path
        assert not re.search(r"subprocess\.|os\.system\(|Popen\(|QProcess\(|shell=True", text), path


def test_children_begin_in_one_way() -> None:
    """A context of one's own would look for modules in the working folder."""
    for path in CODE:
        if path.name != "beginning.py":
            own = re.search(r"get_context\(|multiprocessing\.Process\(|multiprocessing\.Pool\(", path.read_text())
            assert not own, path


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")
def test_a_short_fuzz_run_of_every_format_ends_in_results_and_words(tmp_path: Path) -> None:
    """The long one: ``python tests/fuzz.py``."""
    import subprocess

    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, root / "tests" / "fuzz.py", "--cases", "180", "--seed", "7", "--keep", tmp_path / "found"],
        capture_output=True, text=True, check=False, cwd=root,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "180 files" in done.stdout
