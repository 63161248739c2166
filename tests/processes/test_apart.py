"""Work done apart: results come back whole, and whatever ends its process ends nothing else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from divisive_desktop.errors import MaskError, UserFacingError
from divisive_desktop.masks.files import read_mask
from divisive_desktop.processes.apart import Apart, DiedError, OverdueError
from divisive_desktop.processes.transport import KEPT_BYTES, Inbox, Outbox


@pytest.fixture
def apart() -> Iterator[Apart]:
    made = Apart(most=2)
    yield made
    made.close()


def test_arrays_come_back_whole_and_can_be_written_to(apart: Apart) -> None:
    large = apart.call(np.full, (300, 400), 7, np.uint16)
    assert large.dtype == np.uint16
    assert (large == 7).all()
    large[0, 0] = 1
    assert apart.call(divmod, 7, 2) == (3, 1)


@pytest.mark.parametrize("in_memory", [True, False])
def test_every_array_of_a_result_finds_its_place(in_memory: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not in_memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    rng = np.random.default_rng(0)
    result: dict[str, Any] = {
        "a": rng.random((200, 201)), "b": rng.integers(0, 9, 100_003, np.uint8), "small": np.arange(5), "c": None,
        "f": np.asfortranarray(rng.random((150, 90))),
    }  # fmt: skip
    there, here = multiprocessing.Pipe()
    outbox, inbox = Outbox(there), Inbox(here)

    def sent(something: Any) -> Any:
        outbox.send(outbox.pack(something))
        parcel = here.recv()
        inbox.take(parcel)
        return inbox.unpack(parcel)

    kept = sent(result)
    for size in (10**5, 10**6, 10**5, KEPT_BYTES + 1, 10**6, 10):
        array = np.full(size, size % 251, np.uint8)
        assert np.array_equal(sent(array), array)
    assert all(np.array_equal(kept[key], result[key]) for key in ("a", "b", "small", "f"))
    inbox.close()
    for connection in (there, here):
        connection.close()


ENDS = {
    "orderly": "apart.close()",
    "without a word": "",
    "decoder killed": "os.kill(apart.pids()[0], signal.SIGKILL)\n    time.sleep(0.5)",
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "killed with a result on its way": "threading.Thread(target=apart.call, args=(np.ones, 10**8)).start()\n"
    "    time.sleep(0.3)\n    os.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_left_behind_or_said_however_it_ends(tmp_path: Path, end: str) -> None:
    script = tmp_path / "owner.py"
    script.write_text(
        "import os, signal, threading, time\n"
        "import numpy as np\n"
        "from divisive_desktop.processes.apart import Apart\n"
        "if __name__ == '__main__':\n"
        "    apart = Apart()\n"
        "    print(apart.call(np.ones, 10**6).sum(), apart.pids()[0], flush=True)\n"
        f"    {ENDS[end]}\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    before = _blocks()
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, env=environment)
    total, pid = done.stdout.split()  # the end of its output is that of all its processes
    assert float(total) == 10**6
    assert done.stderr == ""
    assert not _runs(int(pid))
    assert _blocks() <= before


def _blocks() -> set[str]:
    """Blocks of shared memory with the names that this program or Python gives, where they can be listed."""
    folder = Path("/dev/shm")
    return {n for n in os.listdir(folder) if n.startswith(("dd-", "psm_"))} if folder.is_dir() else set()


def test_a_process_that_ends_ends_nothing_else(apart: Apart) -> None:
    assert apart.call(abs, -1) == 1
    for code, end in ((3, (os._exit, 3)), (-signal.SIGKILL, (signal.raise_signal, signal.SIGKILL))):
        with pytest.raises(DiedError) as caught:
            apart.call(*end)
        assert caught.value.code == code
        assert apart.call(abs, -2) == 2


def test_a_process_that_ended_while_nobody_asked_is_replaced(apart: Apart) -> None:
    assert apart.call(divmod, 7, 2) == (3, 1)
    (pid,) = apart.pids()
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 30
    while any(child.pid == pid for child in multiprocessing.active_children()):  # its threads may end after it
        assert time.monotonic() < end
        time.sleep(0.01)
    assert apart.call(divmod, 9, 2) == (4, 1)
    (other,) = apart.pids()
    assert other != pid


def test_what_takes_too_long_is_ended(apart: Apart) -> None:
    apart.warm()
    begun = time.monotonic()
    with pytest.raises(OverdueError):
        apart.call(time.sleep, 60, patience_s=1.5)
    assert time.monotonic() - begun < 20
    assert apart.call(abs, -2) == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is kept on Linux only")
def test_what_takes_too_much_memory_is_refused_and_the_process_stays(apart: Apart) -> None:
    apart.warm()
    before = apart.call(os.getpid)
    with pytest.raises(MemoryError):
        apart.call(bytes, 4 << 30, memory=3 << 30)
    assert apart.call(os.getpid) == before


def test_errors_in_words_come_back_as_they_are(apart: Apart, tmp_path: Path) -> None:
    (tmp_path / "mask.json").write_text("[")
    with pytest.raises(MaskError) as there:
        apart.call(read_mask, tmp_path / "mask.json")
    with pytest.raises(MaskError) as here:
        read_mask(tmp_path / "mask.json")
    assert (there.value.message, there.value.remedy) == (here.value.message, here.value.remedy)


def test_a_bug_comes_back_in_words(apart: Apart) -> None:
    with pytest.raises(UserFacingError, match="ZeroDivisionError"):
        apart.call(divmod, 1, 0)


def test_many_threads_share_a_few_processes(apart: Apart) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: apart.call(os.getpid), range(24)))
    assert 1 <= len(found) <= 2
    assert os.getpid() not in found


def test_the_process_of_the_last_call_about_something_is_preferred(apart: Apart) -> None:
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: apart.call(time.sleep, 0.2), range(2)))
    first = apart.call(os.getpid, subject="a")
    apart.call(os.getpid, subject="b")
    assert apart.call(os.getpid, subject="a") == first


def test_it_sees_the_programs_settings_as_they_are_now(apart: Apart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIVISIVE_DESKTOP_MAX_PIXELS", "77")
    assert apart.call(os.getenv, "DIVISIVE_DESKTOP_MAX_PIXELS") == "77"
    monkeypatch.delenv("DIVISIVE_DESKTOP_MAX_PIXELS")
    assert apart.call(os.getenv, "DIVISIVE_DESKTOP_MAX_PIXELS") is None


def test_the_process_ends_with_its_owner(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from divisive_desktop.processes.apart import Apart\n"
        "if __name__ == '__main__':\n"
        "    print(Apart().call(os.getpid), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    script = tmp_path / "owner.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, env=environment)
    child = int(done.stdout)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _runs(child):
        time.sleep(0.05)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and ") Z" in state.read_text())


def test_no_module_of_the_working_folder_is_run_by_a_child(tmp_path: Path) -> None:
    """A folder of pictures with a file ``multiprocessing.py`` in it."""
    hostile = tmp_path / "pictures"
    hostile.mkdir()
    for name in ("multiprocessing", "importlib", "divisive_desktop", "logging", "numpy", "resource", "signal"):
        (hostile / f"{name}.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w').close()\nraise ImportError")
    code = (
        "import os, sys\n"
        "from divisive_desktop.processes.apart import Apart\n"
        "if __name__ == '__main__':\n"
        "    print(Apart().call(os.getcwd))\n"
    )
    script = tmp_path / "program.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    environment.pop("PYTHONSAFEPATH", None)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False, cwd=hostile, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "owned").exists()
    assert Path(done.stdout.strip()) == Path(sys.executable).resolve().parent  # and it doesn't stay there
