"""Writes build/hashes.txt: what constraints.txt names, with the hashes of the files that pip takes on this system.

Hashes hold for files, and every system and Python has its own: these are those of the packages for Linux, which are
built with CPython 3.11 on x86-64 (``make package HASHES=1``). torch isn't among them: its build for processors comes
from an index of its own, under the same version as another file of PyPI.

Run: ``python build/hashes.py`` with the Python that the package is built with, after build/freeze-constraints.sh.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from bundle import ROOT

EXTRAS = ("samples", "reports", "masks", "pacs", "package")
HEAD = """# Linux, x86-64, CPython 3.11: `make package HASHES=1` installs these files and no others. Without torch,
# whose build for processors comes from another index. Written by build/hashes.py.
"""


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(line for extra in EXTRAS for line in project["optional-dependencies"][extra])]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", report,
             "-c", ROOT / "constraints.txt", *wanted],
            check=True,
        )  # fmt: skip
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    (ROOT / "build" / "hashes.txt").write_text(HEAD + "".join(lines(found)), encoding="utf-8")


def lines(found: list[dict[str, Any]]) -> list[str]:
    """Lines of a requirements file, from the items of pip's report, in the order of names."""
    made = []
    for item in found:
        about, info = item["metadata"], item["download_info"]
        if about["name"] != "torch":
            digest = info["archive_info"]["hashes"]["sha256"]
            made.append(f"{about['name']}=={about['version']} --hash=sha256:{digest}\n")
    return sorted(made, key=str.lower)


if __name__ == "__main__":
    main()
