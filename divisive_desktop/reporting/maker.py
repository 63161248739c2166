"""What gives a report's pages their exact look: two programs with the same one make the same pages of one content."""

from __future__ import annotations

import hashlib
import zlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from divisive_desktop import paths
from divisive_desktop.version import build

_CODE, _ROOMS = Path(__file__).resolve().parent.parent, ("explanation", "library", "reporting")
_LIBRARIES = ("fpdf2", "fonttools", "jinja2", "pillow", "uharfbuzz", "highdicom", "pydicom", "numpy")


@cache
def pages_of(language: str) -> str:
    """Short hash of program, wording in this language, template and the libraries that lay out pages.

    A packaged program's version names its commit; elsewhere the code is asked, which may change under one version.
    """
    digest = hashlib.sha256(f"{build()}\n{zlib.ZLIB_RUNTIME_VERSION}\n".encode())
    for name in _LIBRARIES:
        try:
            digest.update(f"{name} {version(name)}\n".encode())
        except PackageNotFoundError:
            digest.update(f"{name} is not installed\n".encode())
    for room in _ROOMS:
        for source in sorted((_CODE / room).rglob("*.py")):
            digest.update(source.read_bytes())
    for file in (f"i18n/{language}.json", "i18n/en.json", "templates/report.html.j2"):
        path = paths.resources_dir() / file
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()[:16]
