"""Writes docs/licences.md: every library that comes along with the program, and its licence.

Run: ``python build/licences_page.py``; ``--check`` (in ``make lint``) fails where the page isn't what it would write,
or where a library's licence would bind the whole program. What is bundled follows from pyproject.toml: what the extras
of the package need, and what those need, but for what build/bundle.py leaves out.
"""

from __future__ import annotations

import sys
import tomllib
from importlib import metadata
from pathlib import PurePosixPath

from bundle import EXCLUDED, ROOT
from licences import of_distribution
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PAGE = ROOT / "docs" / "licences.md"
EXTRAS = ("training", "samples", "reports", "masks", "pacs")
"""Those that ``make package`` installs."""
BOOTLOADER = "PyInstaller's bootloader"
HEAD = """# Licences

Divisive Desktop is under the Apache License 2.0. In its packages come along the libraries below, each under its own
licence; the texts of all of them lie in `THIRD_PARTY_NOTICES.txt` beside the program, and their versions in the bill of
materials (CycloneDX) beside the package. Made by `build/licences_page.py`, which `make lint` checks: a library whose
licence would bind the whole program, as the GPL does, is refused.

Of those under the LGPL, Qt (PySide6, shiboken6) lies in files of its own, which can be exchanged; fpdf2 is exchanged by
building the package anew (`make package`), for which everything is public. The package for Linux takes some libraries
of the Debian that it was built on along (X11, fontconfig), which the notices name.
`pip install 'divisive-desktop[libjpeg]'` adds a decoder under the GPL 3 to an installation of one's own; it is in no
package.

| library | licence |
|---|---|
"""
OTHER_NAMES = {
    "scikit-image": "BSD-3-Clause", "pypdfium2": "BSD-3-Clause, Apache-2.0 (PDFium)", "uharfbuzz": "Apache-2.0",
    "lightning-fabric": "Apache-2.0", "lightning-utilities": "Apache-2.0",
}  # fmt: skip
"""What metadata say at length, or not."""


def bundled() -> dict[str, str]:
    """Name -> licence of all that comes along and is installed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stated = [*project["dependencies"], *(line for extra in EXTRAS for line in project["optional-dependencies"][extra])]
    waiting = [Requirement(line) for line in stated]
    found: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        key = (name, frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # of another system, or an extra that isn't asked for
        if not left_out(distribution):
            part = of_distribution(distribution)
            said = part.licence or (distribution.metadata.get("License") or "").strip()
            found[part.name] = OTHER_NAMES.get(name, said)
        for line in distribution.requires or ():
            needed = Requirement(line)
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    return {"Python": "PSF-2.0", BOOTLOADER: "GPL-2.0 with an exception that lets any program use it", **found}


def left_out(distribution: metadata.Distribution) -> bool:
    """Whether none of a distribution's modules goes into the package."""
    paths = [PurePosixPath(str(file)) for file in distribution.files or ()]
    code = [p for p in paths if p.suffix in (".py", ".so", ".pyd") and ".." not in p.parts]
    modules = {p.parts[0].removesuffix(".py") for p in code}
    return bool(modules) and all(module.partition(".")[0] in EXCLUDED for module in modules)


def binds(licence: str) -> bool:
    """Whether a licence leaves no choice but the GPL."""
    choices = [choice for part in licence.split(" OR ") for choice in part.split(" or ")]
    return all("GPL" in choice or "General Public" in choice for choice in choices) and not any(
        word in licence for word in ("LGPL", "Lesser", "exception")
    )


def page(libraries: dict[str, str]) -> str:
    rows = (f"| {name} | {licence} |" for name, licence in sorted(libraries.items(), key=lambda item: item[0].lower()))
    return HEAD + "\n".join(rows) + "\n"


def main() -> None:
    libraries = bundled()
    bad = [f"{name}: {said or 'no licence stated'}" for name, said in libraries.items() if binds(said or "GPL")]
    if bad:
        raise SystemExit("These can't come along: " + "; ".join(bad))
    made = page(libraries)
    if "--check" not in sys.argv:
        PAGE.write_text(made, encoding="utf-8")
        return
    written = PAGE.read_text(encoding="utf-8")
    # Elsewhere some libraries are others; each that is here must be on the page as well.
    missing = [line for line in made.splitlines() if line not in written.splitlines()]
    reference = sys.platform.startswith("linux") and sys.version_info[:2] == (3, 11)
    if missing or (reference and made != written):
        raise SystemExit("docs/licences.md is out of date: run python build/licences_page.py\n" + "\n".join(missing))


if __name__ == "__main__":
    main()
