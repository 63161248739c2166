"""Sample cases from installed packages: a real chest radiograph (pydicom-data, MIT) and a real face (scikit-image)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from divisive_desktop import paths
from divisive_desktop.errors import UserFacingError

RADIOGRAPHS = ("RG1_UNCR.dcm", "RG1_J2KR.dcm")
"""One chest radiograph, uncompressed and as lossless JPEG 2000."""


class NoSamplesError(UserFacingError):
    kind = "no-samples"


def sample_paths() -> list[Path]:
    """Files of the sample cases that are installed here, radiographs first.

    Raises
    ------
    NoSamplesError
        None of the packages that hold them is installed.
    """
    found = _bundled() or [*_radiographs(), *_face()]
    if not found:
        raise NoSamplesError(
            "The sample cases are not installed.", 'Install them with: pip install "divisive-desktop[samples]"'
        )
    return found


def _bundled() -> list[Path]:
    # A packaged program carries the samples along.
    folder = paths.resources_dir() / "samples"
    return sorted(p for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []


def _radiographs() -> list[Path]:
    if importlib.util.find_spec("data_store") is None:  # the module of the package pydicom-data
        return []
    from pydicom.data import get_testdata_file

    files = (get_testdata_file(name, download=False) for name in RADIOGRAPHS)
    return [Path(str(f)) for f in files if f]


def _face() -> list[Path]:
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        return []
    face = Path(spec.origin).parent / "data" / "astronaut.png"
    return [face] if face.is_file() else []
