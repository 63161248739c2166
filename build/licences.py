"""What is in the package and under which licence: notices for people, a bill of materials (CycloneDX) for machines.

Read from the package itself: a distribution counts when a module or file of it was bundled, a library of the system
when it lies beside them.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import sysconfig
import uuid
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path, PurePosixPath

_TEXTS = ("licen", "copying", "notice", "copyright", "authors")
_ENDINGS = ("", ".txt", ".md", ".rst", ".apache", ".bsd")


@dataclass
class Part:
    """One bundled piece of software."""

    name: str
    version: str
    licence: str
    kind: str
    """pypi, deb or generic: the type in its package URL."""
    url: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    """Name of the file -> its text."""

    @property
    def purl(self) -> str:
        return f"pkg:{self.kind}/{self.name.lower()}@{self.version}"


def collect(folder: Path, name: str, version: str) -> list[Part]:
    """Everything in the folder, in the order of names; the program itself first."""
    modules, files = _bundled(folder)
    found = [of_distribution(d) for d in metadata.distributions() if _is_bundled(d, modules, files)]
    parts = {p.name.lower(): p for p in found if p.name.lower() != name}
    python = Part("python", platform.python_version(), "PSF-2.0", "generic", "https://www.python.org/")
    for place in (Path(sysconfig.get_path("stdlib")) / "LICENSE.txt", Path(sys.base_prefix) / "LICENSE.txt"):
        if place.is_file():
            python.texts["LICENSE.txt"] = place.read_text(encoding="utf-8", errors="replace")
    parts["python"] = python
    for part in _of_system(folder):
        parts.setdefault(f"{part.kind}:{part.name}", part)
    own = Part(name, version, "Apache-2.0", "generic")
    return [own, *(parts[key] for key in sorted(parts))]


def write(parts: list[Part], folder: Path, bill: Path) -> None:
    """``THIRD_PARTY_NOTICES.txt`` in the folder, and the bill of materials at ``bill``."""
    lines = [
        f"Divisive Desktop {parts[0].version} comes with the software of others. Thank you.",
        "Each is named with its licence; the full texts follow.",
        "",
        *(f"  {p.name} {p.version}: {p.licence or 'see its text'}" for p in parts[1:]),
    ]
    for part in parts[1:]:
        lines += ["", "=" * 100, f"{part.name} {part.version}  ({part.licence or 'see below'})  {part.url}".rstrip()]
        for name, text in part.texts.items():
            lines += ["-" * 100, name, "", text.rstrip()]
    (folder / "THIRD_PARTY_NOTICES.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    bill.write_text(json.dumps(_cyclonedx(parts), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _cyclonedx(parts: list[Part]) -> dict[str, object]:
    own, *others = parts
    serial = uuid.uuid5(uuid.NAMESPACE_URL, " ".join(p.purl for p in parts))  # the same parts: the same number
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": _component(own, "application")},
        "components": [_component(p, "library") for p in others],
        "dependencies": [{"ref": own.purl, "dependsOn": [p.purl for p in others]}],
    }


def _component(part: Part, kind: str) -> dict[str, object]:
    found: dict[str, object] = {
        "type": kind, "bom-ref": part.purl, "name": part.name, "version": part.version, "purl": part.purl,
    }  # fmt: skip
    if part.licence:
        found["licenses"] = [{"license": {"name": part.licence}}]
    if part.url:
        found["externalReferences"] = [{"type": "website", "url": part.url}]
    return found


def _bundled(folder: Path) -> tuple[set[str], set[str]]:
    """Names of modules inside the program, and paths of files beside it."""
    from PyInstaller.archive.readers import CArchiveReader

    program = next(p for p in (folder / "divisive-desktop", folder / "divisive-desktop.exe") if p.is_file())
    archive = CArchiveReader(str(program))
    modules = set(archive.open_embedded_archive("PYZ.pyz").toc)
    inside = folder / "_internal"
    return modules, {p.relative_to(inside).as_posix() for p in inside.rglob("*") if p.is_file()}


def _is_bundled(distribution: metadata.Distribution, modules: set[str], files: set[str]) -> bool:
    for file in distribution.files or ():
        path = PurePosixPath(str(file))
        if path.suffix == ".py":
            name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
            if name in modules:
                return True
        elif path.as_posix() in files and ".dist-info" not in path.as_posix():
            return True
    return False


def of_distribution(distribution: metadata.Distribution) -> Part:
    about = distribution.metadata
    named = about.get("License-Expression") or ""
    if not named:
        classifiers = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or () if c.startswith("License ::")]
        stated = (about.get("License") or "").strip()
        named = ", ".join(classifiers) or (stated if len(stated) < 80 and "\n" not in stated else "")
    urls = [u.partition(",")[2].strip() for u in about.get_all("Project-URL") or ()]
    part = Part(
        str(about["Name"]), distribution.version, named, "pypi", about.get("Home-page") or (urls[0] if urls else "")
    )
    for file in distribution.files or ():
        inside = ".dist-info" in str(file) or len(PurePosixPath(str(file)).parts) <= 2
        if inside and file.name.lower().startswith(_TEXTS) and file.suffix.lower() in _ENDINGS:
            place = Path(str(distribution.locate_file(file)))
            if place.is_file():
                part.texts[str(file)] = place.read_text(encoding="utf-8", errors="replace")
    return part


def _of_system(folder: Path) -> list[Part]:
    """Libraries that came from a Debian-like system, with the copyright files of their packages."""
    inside = folder / "_internal"
    owners: dict[str, Part] = {}
    known = system_libraries()
    for path in sorted(inside.glob("lib*.so*")):
        package = known.get(path.name, "")
        if not package or package in owners:
            continue
        shown = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}\t${Homepage}", package], capture_output=True, text=True, check=False
        )
        version, _, url = shown.stdout.partition("\t")
        part = owners[package] = Part(package, version, "", "deb/debian", url)
        text = Path("/usr/share/doc") / package / "copyright"
        if text.is_file():
            part.texts["copyright"] = text.read_text(encoding="utf-8", errors="replace")
            named = [line.partition(":")[2].strip() for line in part.texts["copyright"].splitlines()
                     if line.startswith("License:")]  # fmt: skip
            part.licence = ", ".join(dict.fromkeys(n for n in named if n))
    return list(owners.values())


def system_libraries() -> dict[str, str]:
    """File name of every installed library of a Debian-like system -> its package; empty elsewhere."""
    found = {}
    for listed in sorted(Path("/var/lib/dpkg/info").glob("*.list")):
        package = listed.stem.partition(":")[0]
        for line in listed.read_text(encoding="utf-8").splitlines():
            name = line.rpartition("/")[2]
            if ".so" in name and "lib" in line:
                found.setdefault(name, package)
    return found
