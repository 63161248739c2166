"""The real engine process: answers, cancels, dies, comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.engine import messages
from divisive_desktop.engine.client import EngineClient
from divisive_desktop.engine.messages import Analyse, AnalyseBatch, LoadModel, ModelInput

PATIENCE = 60.0
MODEL = "seeded-chest"


class Listener:
    """Collects events and waits for one."""

    def __init__(self) -> None:
        self.events: list[messages.Event] = []
        self._news = threading.Condition()

    def __call__(self, event: messages.Event) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def wait(self, wanted: Callable[[messages.Event], bool]) -> messages.Event:
        with self._news:
            end = time.monotonic() + PATIENCE
            while True:
                for event in self.events:
                    if wanted(event):
                        return event
                left = end - time.monotonic()
                assert left > 0, f"waited in vain; got {self.events}"
                self._news.wait(left)

    def end_of(self, job: int) -> messages.Event:
        ends = (messages.Done, messages.Failed, messages.Cancelled)
        return self.wait(lambda e: isinstance(e, ends) and e.job == job)

    def count(self, kind: type) -> int:
        return sum(isinstance(e, kind) for e in self.events)


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def client(with_models: Path, listener: Listener) -> Iterator[EngineClient]:
    client = EngineClient(listener, "cpu")
    yield client
    client.close()


def _ready(listener: Listener, after: int = 0) -> messages.EngineReady:
    listener.wait(lambda e: listener.count(messages.EngineReady) > after)
    return next(e for e in reversed(listener.events) if isinstance(e, messages.EngineReady))


def test_analyses_a_radiograph(client: EngineClient, listener: Listener, rg1: Path) -> None:
    done = listener.end_of(client.submit(Analyse(str(rg1), model_id=MODEL)))
    assert isinstance(done, messages.Done), done
    analysis = done.value
    assert analysis.model.id == "seeded-chest"
    assert analysis.image_size == (1841, 1955)
    means = analysis.cams.mean(axis=(1, 2)) + np.array(analysis.bias)
    np.testing.assert_allclose(means, analysis.logits, atol=1e-4)
    assert {"decode", "preprocess", "forward"} <= set(analysis.timings_ms)
    assert client.state == "ready"

    seen = listener.end_of(client.submit(ModelInput(str(rg1), model_id=MODEL)))
    assert isinstance(seen, messages.Done)
    assert seen.value.shape == (3, 224, 224)


def test_a_bad_file_is_a_message_and_the_engine_lives_on(
    client: EngineClient, listener: Listener, rg1: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.dcm"
    empty.touch()
    failed = listener.end_of(client.submit(Analyse(str(empty))))
    assert isinstance(failed, messages.Failed)
    assert (failed.kind, failed.details) == ("empty-file", "")
    assert failed.remedy
    changed = listener.end_of(client.submit(Analyse(str(rg1), model_id=MODEL, expected_sha256="0" * 64)))
    assert isinstance(changed, messages.Failed)
    assert "changed" in changed.message
    assert isinstance(listener.end_of(client.submit(Analyse(str(rg1), model_id=MODEL))), messages.Done)


def test_the_log_names_no_patient_and_no_file(
    client: EngineClient, listener: Listener, home: Path, rg1: Path, tmp_path: Path
) -> None:
    import pydicom
    from pydicom.dataelem import RawDataElement

    dataset = pydicom.dcmread(rg1)
    name = b"SECRETIVE^" + b"X" * 80  # longer than the standard allows: pydicom warns and quotes it
    dataset[0x00100010] = RawDataElement(pydicom.tag.Tag(0x00100010), "PN", len(name), name, 0, False, True)
    ward = b"SECRETIVE WARD " + b"Y" * 25
    dataset[0x00081010] = RawDataElement(pydicom.tag.Tag(0x00081010), "SH", len(ward), ward, 0, False, True)
    file = tmp_path / "secretive-name.dcm"
    dataset.save_as(file)
    assert isinstance(listener.end_of(client.submit(Analyse(str(file), model_id=MODEL))), messages.Done)
    file.write_bytes(file.read_bytes()[:-500_000])
    assert isinstance(listener.end_of(client.submit(Analyse(str(file), model_id=MODEL))), messages.Failed)
    log = (home / "log" / "engine.log").read_text()
    assert "secretive" not in log.lower()


def test_a_batch_does_the_others(client: EngineClient, listener: Listener, rg1: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n")
    items = tuple(Analyse(str(p), model_id=MODEL) for p in (rg1, bad, rg1, rg1, rg1, rg1, rg1, rg1, rg1, rg1, rg1))
    job = client.submit(AnalyseBatch(items))
    done = listener.end_of(job)
    assert isinstance(done, messages.Done), done
    assert done.value == len(items) - 1
    partials = {e.index: e for e in listener.events if isinstance(e, messages.Partial) and e.job == job}
    assert sorted(partials) == list(range(len(items)))
    assert partials[1].error is not None
    assert partials[1].error["remedy"]
    assert partials[0].value.logits == pytest.approx(partials[10].value.logits, abs=1e-4)
    assert any(isinstance(e, messages.Progress) and e.fraction == 1 for e in listener.events)


def test_flipped_byte_in_a_model_is_refused(
    client: EngineClient, listener: Listener, with_models: Path, rg1: Path
) -> None:
    weights = with_models / "models" / "seeded-chest" / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    failed = listener.end_of(client.submit(LoadModel("seeded-chest")))
    assert isinstance(failed, messages.Failed)
    assert failed.kind == "model-integrity"


def test_killed_engine_is_restarted_and_waiting_jobs_survive(
    client: EngineClient, listener: Listener, rg1: Path
) -> None:
    first = _ready(listener)
    batch = client.submit(AnalyseBatch(tuple(Analyse(str(rg1), model_id=MODEL) for _ in range(500))))
    waiting = client.submit(AnalyseBatch((Analyse(str(rg1), model_id=MODEL),)))
    listener.wait(lambda e: isinstance(e, messages.Partial) and e.job == batch)
    os.kill(first.pid, signal.SIGKILL)
    failed = listener.end_of(batch)
    assert isinstance(failed, messages.Failed)
    assert failed.kind == "engine-died"
    died = listener.wait(lambda e: isinstance(e, messages.EngineDied))
    assert isinstance(died, messages.EngineDied)
    assert died.jobs == (batch,)
    assert isinstance(listener.end_of(waiting), messages.Done)
    assert client.pid != first.pid


def test_cancel_is_answered_and_the_engine_kept(client: EngineClient, listener: Listener, rg1: Path) -> None:
    first = _ready(listener)
    job = client.submit(AnalyseBatch(tuple(Analyse(str(rg1), model_id=MODEL) for _ in range(500))))
    behind = client.submit(AnalyseBatch((Analyse(str(rg1), model_id=MODEL),)))
    listener.wait(lambda e: isinstance(e, messages.Partial) and e.job == job)
    client.cancel(behind)
    assert isinstance(listener.end_of(behind), messages.Cancelled)
    client.cancel(job, grace_s=30)
    assert isinstance(listener.end_of(job), messages.Cancelled)
    assert client.pid == first.pid


def test_unanswered_cancel_ends_the_engine(client: EngineClient, listener: Listener, rg1: Path) -> None:
    first = _ready(listener)
    job = client.submit(AnalyseBatch(tuple(Analyse(str(rg1), model_id=MODEL) for _ in range(500))))
    listener.wait(lambda e: isinstance(e, messages.Partial) and e.job == job)
    os.kill(first.pid, signal.SIGSTOP)  # it can't answer any more
    client.cancel(job, grace_s=0.2)
    assert isinstance(listener.end_of(job), messages.Cancelled)
    _ready(listener, after=1)
    assert isinstance(listener.end_of(client.submit(Analyse(str(rg1), model_id=MODEL))), messages.Done)


def test_an_engine_that_does_not_read_blocks_nobody(client: EngineClient, listener: Listener, rg1: Path) -> None:
    first = _ready(listener)
    os.kill(first.pid, signal.SIGSTOP)
    # More than a pipe holds: whoever writes this waits for the engine to read.
    job = client.submit(AnalyseBatch(tuple(Analyse(f"{i}{rg1}", model_id=MODEL) for i in range(20_000))))
    behind = client.submit(AnalyseBatch((Analyse(str(rg1), model_id=MODEL),)))
    end = time.monotonic() + PATIENCE
    while client.state != "busy" and time.monotonic() < end:
        time.sleep(0.01)
    client.cancel(job, grace_s=0.2)
    assert isinstance(listener.end_of(job), messages.Cancelled)
    assert isinstance(listener.end_of(behind), messages.Done)


def test_quick_jobs_are_answered_during_long_ones(client: EngineClient, listener: Listener, rg1: Path) -> None:
    long_job = client.submit(AnalyseBatch(tuple(Analyse(str(rg1), model_id=MODEL) for _ in range(500))))
    listener.wait(lambda e: isinstance(e, messages.Partial) and e.job == long_job)
    assert isinstance(listener.end_of(client.submit(Analyse(str(rg1), model_id=MODEL))), messages.Done)
    assert not any(isinstance(e, messages.Done) and e.job == long_job for e in listener.events)
    client.cancel(long_job)
    listener.end_of(long_job)


def test_a_hopeless_engine_is_given_up_with_a_message(
    home: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "onnxruntime"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('no onnxruntime here')\n")
    monkeypatch.syspath_prepend(str(tmp_path))  # the child inherits sys.path
    client = EngineClient(listener, "cpu")
    try:
        failed = listener.end_of(client.submit(LoadModel()))
        assert isinstance(failed, messages.Failed)
        assert failed.kind == "engine-died"
        assert client.state == "failed"
        later = listener.end_of(client.submit(LoadModel()))
        assert isinstance(later, messages.Failed)
    finally:
        client.close()
    assert "no onnxruntime here" in (home / "log" / "engine.log").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_the_engine_ends_with_its_parent(with_models: Path) -> None:
    script = (
        "import sys, time\n"
        "from divisive_desktop.engine.client import EngineClient\n"
        "if __name__ == '__main__':\n"
        "    c = EngineClient(lambda e: print(getattr(e, 'pid', ''), flush=True), 'cpu')\n"
        "    time.sleep(100)\n"
    )
    file = with_models / "parent.py"
    file.write_text(script)
    parent = subprocess.Popen([sys.executable, str(file)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + 20
    while _alive(pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_desktop_side_never_imports_torch() -> None:
    code = (
        "import sys\n"
        "import divisive_desktop.engine.client, divisive_desktop.engine.messages, divisive_desktop.engine.entry\n"
        "import divisive_desktop.imaging, divisive_desktop.explanation.features, divisive_desktop.library.store\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_model_is_said(home: Path, listener: Listener) -> None:
    client = EngineClient(listener, "cpu")
    try:
        failed = listener.end_of(client.submit(LoadModel("no-such-model")))
        assert isinstance(failed, messages.Failed)
        assert failed.kind == "model-not-found"
    finally:
        client.close()



def test_a_stopped_engine_is_noticed_and_its_job_asked_again(with_models: Path, listener: Listener, rg1: Path) -> None:
    client = EngineClient(listener, "cpu", patience_s=3.0)
    try:
        first = _ready(listener)
        os.kill(first.pid, signal.SIGSTOP)
        done = listener.end_of(client.submit(Analyse(str(rg1), model_id=MODEL)))
        assert isinstance(done, messages.Done), done
        died = listener.wait(lambda e: isinstance(e, messages.EngineDied))
        assert isinstance(died, messages.EngineDied)
        assert (died.hung, died.asked, died.restarting, died.jobs) == (True, False, True, ())
        assert client.pid not in (None, first.pid)
    finally:
        client.close()


def test_an_idle_engine_that_stops_is_noticed_too(with_models: Path, listener: Listener) -> None:
    client = EngineClient(listener, "cpu", patience_s=2.0)
    try:
        os.kill(_ready(listener).pid, signal.SIGSTOP)
        assert _ready(listener, after=1).pid == client.pid
    finally:
        client.close()


def test_what_kills_the_engine_twice_fails_and_is_not_asked_a_third_time(
    client: EngineClient, listener: Listener, rg1: Path
) -> None:
    pid = _ready(listener).pid
    os.kill(pid, signal.SIGSTOP)  # so that the job is surely under way
    job = client.submit(Analyse(str(rg1), model_id=MODEL))
    batch = client.submit(AnalyseBatch((Analyse(str(rg1), model_id=MODEL),)))
    end = time.monotonic() + PATIENCE
    while client.state != "busy" and time.monotonic() < end:
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    beside = listener.end_of(batch)
    assert isinstance(beside, messages.Failed)
    assert beside.kind == "engine-died-beside", "the one image may be the cause"
    waiting = client.submit(AnalyseBatch((Analyse(str(rg1), model_id=MODEL),)))
    second = _ready(listener, after=1).pid
    os.kill(second, signal.SIGKILL)
    failed = listener.end_of(job)
    assert isinstance(failed, messages.Failed | messages.Done)
    if isinstance(failed, messages.Failed):
        assert failed.message.startswith("The engine stopped twice")
    assert isinstance(listener.end_of(waiting), messages.Done), "what waited alone is untouched"
