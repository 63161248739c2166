"""What reports need beyond the program's own requirements (extra ``reports``)."""

from __future__ import annotations

from importlib.util import find_spec

from divisive_desktop.errors import ReportError

PACKAGES = ("fpdf", "jinja2", "highdicom", "cryptography", "keyring", "uharfbuzz", "pypdfium2")


def check_installed() -> None:
    """Called before anything of reports is imported that wants them.

    Raises
    ------
    ReportError
        One of them is missing.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ReportError(
            f"Reports need packages that aren't installed: {', '.join(missing)}.",
            'Install them: pip install "divisive-desktop[reports]".',
        )
