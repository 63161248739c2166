"""Fixtures for every room: an own home folder, real sample files, and a check that nothing is left behind."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

# The same examples at each run, so that a change is judged by what it changed; HYPOTHESIS_PROFILE=search looks further.
# No time limits: on a busy machine an example waits for the processor, which says nothing about the code that it tests;
# what has to be quick is measured by the benchmarks, as a ratio.
UNTIMED = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("same", derandomize=True, **UNTIMED)
hypothesis.settings.register_profile("search", max_examples=2000, **UNTIMED)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("DIVISIVE_TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program's own folders, empty and thrown away: no test sees or changes the user's settings."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("DIVISIVE_DESKTOP_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Research data that may not be passed on; tests that need it skip where it isn't."""
    if not SHARED.is_dir():
        pytest.skip(f"no research data in {SHARED} (set DIVISIVE_TEST_DATA)")
    return SHARED


@pytest.fixture(scope="session")
def rg1() -> Path:
    """A real chest radiograph: CR, 1955 x 1841, 16 bit, MONOCHROME1, uncompressed (package pydicom-data)."""
    return dicom_sample("RG1_UNCR.dcm")


def dicom_sample(name: str) -> Path:
    """Path of a DICOM file from the pydicom or pydicom-data package."""
    from pydicom.data import get_testdata_file

    path = get_testdata_file(name, download=False)
    assert path, f"{name} is in neither pydicom nor pydicom-data: install the samples extra"
    return Path(str(path))


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fails a test that leaves a running thread, a child process or a visible top-level widget."""
    import multiprocessing

    before = set(threading.enumerate())  # processes that decode ("divisive-apart") stay for the next picture
    yield
    deadline = time.monotonic() + 5

    def leftovers() -> list[str]:
        threads = [t.name for t in threading.enumerate() if t not in before and not _pool_thread(t)]
        return threads + [p.name for p in multiprocessing.active_children() if p.name != "divisive-apart"]

    while leftovers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not leftovers(), f"left running: {leftovers()}"
    if "PySide6.QtWidgets" in sys.modules:
        from PySide6.QtWidgets import QApplication

        app = QApplication.instance()
        if app is not None:
            app.processEvents()
            widgets = [type(w).__name__ for w in QApplication.topLevelWidgets() if w.isVisible()]
            assert not widgets, f"left open: {widgets}"


def _pool_thread(thread: threading.Thread) -> bool:
    # Library pools that live as long as the process by design (joblib, numpy/OpenMP, torch's autograd).
    return thread.name.startswith(("Dummy", "pydevd", "ThreadPoolExecutor-torch"))


@pytest.fixture(scope="session")
def kill() -> ModuleType:
    """The kill benchmark's helpers: analyses with a known answer, a casebook of the first schema."""
    path = Path(__file__).resolve().parent / "benchmarks" / "kill_casebook.py"
    spec = importlib.util.spec_from_file_location("kill_casebook", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["kill_casebook"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def seeded_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with one real model per kind of image: ImageNet backbone, seeded head, 224 px input."""
    import torch

    from divisive_desktop.library.card import Card, Preprocessing
    from divisive_desktop.networks.pretrained import pretrained_network
    from divisive_desktop.networks.saving import save_network

    folder = tmp_path_factory.mktemp("seeded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIVISIVE_DESKTOP_HOME", str(folder))
        network = pretrained_network(seed=7)
        torch.nn.init.normal_(network.head.weight, std=0.05, generator=torch.Generator().manual_seed(7))
        torch.nn.init.zeros_(network.head.bias)
        for model_id, task, classes, colour in (
            ("seeded-chest", "chest-cardiomegaly", ("no finding", "abnormal"), "grey"),
            ("seeded-face", "face-manipulation", ("authentic", "manipulated"), "rgb"),
        ):
            card = Card(
                model_id, "1", task, classes, "efficientnet-lite0", "cross_entropy", "",
                Preprocessing(size=224, colour=colour), default=True, intended_use="tests",
            )
            save_network(folder / "models" / model_id, network, card)
    return folder


@pytest.fixture
def with_models(home: Path, seeded_models: Path) -> Path:
    """The test's own home folder, with the seeded models installed in it."""
    import shutil

    shutil.copytree(seeded_models / "models", home / "models")
    return home
