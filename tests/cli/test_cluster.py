"""``analyze --cluster``: a real scheduler and two workers, processes of this machine, answer as one machine does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from divisive_desktop.cli.resuming import Earlier
from divisive_desktop.errors import ClusterError, ImageAlteredError, UnreadableFileError
from tests.cli.conftest import Capture, photograph, run

ASKED = ("--no-face", "--ask-anyway", "--device", "cpu")
HOOK = """
import os, signal, time
from pathlib import Path
from divisive_desktop.engine import analysis
notes = Path(os.environ["TEST_NOTES"])
def opened(path, *arguments, real=analysis.open_image):
    with notes.open("a") as out:
        out.write(f"{path}\\n")
    if "poison" in path.name:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.1)
    return real(path, *arguments)
if analysis.open_image.__name__ != "opened":  # Dask loads this more than once
    analysis.open_image = opened
"""


@dataclass
class Running:
    address: str
    folder: Path
    nannies: list[psutil.Process]

    def opened(self) -> list[Path]:
        """What the workers have opened so far."""
        return [Path(line) for line in (self.folder / "notes").read_text().splitlines()]

    def kill_one(self) -> None:
        """End a worker as a machine does that is switched off; what watches it starts another."""
        next(p for nanny in self.nannies for p in nanny.children() if "spawn" in " ".join(p.cmdline())).kill()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    pytest.importorskip("distributed", reason="the extra cluster isn't installed")
    if os.name == "nt":
        pytest.skip("POSIX signals")
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "hook.py").write_text(HOOK)
    (folder / "notes").touch()
    environment = {
        **os.environ, "DASK_CONFIG": str(folder / "config"), "TEST_NOTES": str(folder / "notes"),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    at = folder / "scheduler.json"

    def start(module: str, *arguments: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--scheduler-file", str(at), "--no-dashboard"]
        with (folder / f"{module}.log").open("ab") as log:
            return subprocess.Popen([*command, *map(str, arguments)], cwd=folder, env=environment, stderr=log)

    started = [start("dask_scheduler", "--host", "127.0.0.1", "--port", 0)]
    try:
        worker = ("--nthreads", 1, "--preload", folder / "hook.py", "--host", "127.0.0.1", "--local-directory", folder)
        started += [start("dask_worker", *worker) for _ in range(2)]
        deadline = time.monotonic() + 60
        while not at.is_file() or not at.read_text().strip():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield Running(json.loads(at.read_text())["address"], folder, [psutil.Process(p.pid) for p in started[1:]])
    finally:
        ours = [p for s in started for p in (psutil.Process(s.pid), *psutil.Process(s.pid).children(recursive=True))]
        for process in started[1:]:
            process.terminate()
        psutil.wait_procs(ours[1:], timeout=5)
        for process in ours:
            if process.is_running():
                process.kill()
        for process in started:
            process.wait()


def analyze(*arguments: object, folder: Path) -> subprocess.Popen[str]:
    """In a process of its own: Dask's threads stay until that ends."""
    return subprocess.Popen(
        [sys.executable, "-m", "divisive_desktop", "analyze", *map(str, arguments), *ASKED],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "DASK_CONFIG": str(folder / "config")},
        preexec_fn=None if sys.platform == "win32" else lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def finished(process: subprocess.Popen[str]) -> tuple[int, str]:
    """How it ended, and what it said."""
    said = process.communicate(timeout=50)[1]
    assert "Traceback" not in said, said
    return process.returncode, said


def films(folder: Path, count: int) -> Path:
    folder.mkdir()
    for i in range(count):
        photograph(folder / f"{i}.png", 160, 120, seed=i)
    return folder


def results(file: Path) -> dict[str, Any]:
    return {Path(r["file"]).name: r for r in json.loads(file.read_text(encoding="utf-8"))}


def same(a: Any, b: Any, path: str = "") -> None:
    """As on one machine, numbers to 1e-5; how long it took isn't compared."""
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for name in a.keys() - {"timings_ms"}:
            same(a[name], b[name], f"{path}.{name}")
    elif isinstance(a, list):
        assert len(a) == len(b), path
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            same(x, y, f"{path}[{i}]")
    elif isinstance(a, float):
        assert a == pytest.approx(b, abs=1e-5), path
    else:
        assert a == b, path


def test_many_machines_answer_as_one_and_go_on_where_they_were_stopped(
    cluster: Running, with_models: Path, rg1: Path, tmp_path: Path
) -> None:
    folder = films(tmp_path / "images", 9)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    named = (folder, rg1)
    out, part = tmp_path / "out.json", tmp_path / ".out.json.part"
    asked = (*named, tmp_path / "missing.png", "--cluster", cluster.address, "--json", out)

    running = analyze(*asked, folder=tmp_path)
    assert running.stdout is not None
    running.stdout.readline()
    running.send_signal(signal.SIGINT)
    code, said = finished(running)
    assert code == 130
    assert str(part) in said
    before = sum("error" not in r for r in json.loads(part.read_text()))
    assert 1 <= before < 10
    part.write_text(part.read_text().rstrip().removesuffix("]") + ',{"file": "hal')  # as a kill leaves it

    code, said = finished(analyze(*asked, folder=tmp_path))
    assert code == 3
    assert f"{before} of 12 images had been answered before" in said
    assert "without encryption" in said
    assert run("analyze", *named, tmp_path / "missing.png", *ASKED, "--json", tmp_path / "one.json") == 3
    found, one = results(out), results(tmp_path / "one.json")
    assert len(found) == 12
    same(one, found)
    assert found["0.png"]["model"]["id"] == "seeded-face", "a model that only the client has"
    assert sorted(p.name for p in tmp_path.glob(".out*")) == [".out.json.settings"]

    photograph(folder / "3.png", 160, 120, seed=33)
    opened = len(cluster.opened())
    code, said = finished(analyze(*asked, folder=tmp_path))
    assert "10 of 12 images had been answered before" in said
    assert {p.name for p in cluster.opened()[opened:]} == {"3.png", "broken.png", "missing.png"}
    assert results(out)["3.png"]["sha256"] != found["3.png"]["sha256"]


def test_files_that_the_workers_do_not_see_are_sent_and_none_stays(
    cluster: Running, with_models: Path, tmp_path: Path
) -> None:
    folder = films(tmp_path / "images", 3)
    shutil.make_archive(str(tmp_path / "more"), "zip", films(tmp_path / "packed", 1))
    opened = len(cluster.opened())
    out = tmp_path / "out.json"
    named = (folder, tmp_path / "more.zip")
    code, said = finished(
        analyze(*named, "--cluster", cluster.address, "--send-files", "--json", out, folder=tmp_path)
    )
    assert code == 0, said
    assert {r["file"] for r in json.loads(out.read_text())} == {
        *(str(folder / f"{i}.png") for i in range(3)), str(tmp_path / "more.zip" / "0.png"),
    }  # fmt: skip
    there = cluster.opened()[opened:]
    assert len(there) == 4
    assert all(cluster.folder in path.parents and not path.exists() for path in there)


def test_a_killed_worker_loses_nothing_and_a_file_that_kills_them_is_reported(
    cluster: Running, with_models: Path, tmp_path: Path
) -> None:
    folder = films(tmp_path / "images", 12)
    photograph(folder / "poison.png")
    out = tmp_path / "out.json"
    running = analyze(folder, "--cluster", cluster.address, "--json", out, folder=tmp_path)
    assert running.stdout is not None
    running.stdout.readline()
    cluster.kill_one()
    code, said = finished(running)
    assert code == 3, said
    found = results(out)
    assert {name for name, r in found.items() if "error" not in r} == {f"{i}.png" for i in range(12)}
    assert found["poison.png"]["error"]["kind"] == "stops-engine"
    # Once where the worker that was killed above had it.
    assert sum("poison" in p.name for p in cluster.opened()) in (1, 2), "tries"


# ---- without a cluster ------------------------------------------------------------------------------------


def test_without_dask_it_is_said_how_to_add_it(
    with_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setitem(sys.modules, "divisive_desktop.engine.cluster.client", None)
    assert run("analyze", photograph(tmp_path / "a.png"), "--cluster", "local") == 1
    assert "divisive-desktop[cluster]" in capsys.readouterr().err
    assert run("analyze", photograph(tmp_path / "a.png"), "--send-files") == 2


def test_dask_is_not_loaded_unless_asked_for() -> None:
    code = "import sys, divisive_desktop.cli.app; raise SystemExit(bool({'dask', 'distributed'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_workers_with_another_version_are_named() -> None:
    pytest.importorskip("distributed", reason="the extra cluster isn't installed")
    from divisive_desktop.engine.cluster.client import Cluster
    from divisive_desktop.engine.cluster.tasks import Need, Standing, standing

    need = Need("9.9", "cpu", frozenset())
    there = standing(need, SimpleNamespace(address="tcp://127.0.0.1:1"))
    with pytest.raises(ClusterError, match=r"runs version .*, this machine 9\.9"):
        Cluster.supply(SimpleNamespace(_given={}), there, need)  # type: ignore[arg-type]
    assert Standing("", "", "9.9").error is None


def test_what_is_no_address_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="the extra cluster isn't installed")
    from divisive_desktop.engine.cluster.client import Cluster

    monkeypatch.setenv("DASK_CONFIG", str(tmp_path))
    for address, said in (("bla://x:1", "no address"), ("tls://127.0.0.1:1", "no certificates")):
        with pytest.raises(ClusterError, match=said):
            Cluster(address)


def test_a_worker_takes_no_other_file_for_the_one_that_is_meant(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra cluster isn't installed")
    from divisive_desktop.engine.cluster.tasks import Batch, Need, Piece, _file
    from divisive_desktop.engine.messages import Analyse

    there = photograph(tmp_path / "a.png")
    size = there.stat().st_size
    assert _file(Piece(0, Analyse(str(there)), size), tmp_path) == there
    with pytest.raises(ImageAlteredError, match="Another file"):
        _file(Piece(0, Analyse(str(there)), size + 1), tmp_path)
    with pytest.raises(UnreadableFileError) as raised:
        _file(Piece(0, Analyse(str(tmp_path / "b.png")), size), tmp_path)
    assert "--send-files" in raised.value.remedy
    batch = Batch(Need("1", "cpu", frozenset()), (Piece(0, Analyse(str(there)), size),))
    assert "a.png" not in repr(batch), "Dask's log"


def test_answers_to_something_else_are_not_taken(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert Earlier(str(out), {"model": "a"}).differs is False
    part = tmp_path / ".out.json.part"
    part.write_text('[\n{"file": "a.png", "sha256": "1"},\n{"file": "b.png", "error": {}},\n{"fi')
    again = Earlier(str(out), {"model": "a"})
    assert (again.sha256("a.png"), again.sha256("b.png")) == ("1", None)
    assert again.result("a.png") == {"file": "a.png", "sha256": "1"}
    part.write_text('[\n{"file": "c.png", "sha256": "3"}')
    assert Earlier(str(out), {"model": "a"}).sha256("a.png") == "1", "of the call before the last"
    other = Earlier(str(out), {"model": "b"})
    assert other.differs
    assert other.sha256("a.png") is None
