"""The Debian package: the folder under /opt, a command, a desktop entry, file types, icons, AppStream metadata."""

from __future__ import annotations

import gzip
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from bundle import ROOT, app_version
from licences import system_libraries

LINUX = ROOT / "build" / "linux"
WORK = ROOT / "build" / "work"
NAME = "divisive-desktop"
APP_ID = "org.divisive.desktop"
KNOWN = {f"libwayland-{part}.so.{number}": f"libwayland-{part}{number}" for part, number in
         (("client", 0), ("cursor", 0), ("egl", 1))}  # fmt: skip
"""Library -> package, where the machine that builds has none of it."""
DATA = ["fontconfig-config", "xkb-data", "fonts-dejavu-core | fonts-noto-core | fonts-liberation"]
"""What the bundled libraries read from the system."""


def tree(folder: Path, root: Path, version: str) -> Path:
    """What the package installs, below ``root``. Files are linked, not copied, where the disk allows."""
    shutil.rmtree(root, ignore_errors=True)
    home = root / "opt" / NAME
    shutil.copytree(folder, home, symlinks=True, copy_function=_link)
    share = root / "usr" / "share"
    _copy(LINUX / f"{NAME}.desktop", share / "applications" / f"{NAME}.desktop")
    _copy(LINUX / f"{NAME}.mime.xml", share / "mime" / "packages" / f"{NAME}.xml")
    metainfo = (LINUX / f"{APP_ID}.metainfo.xml").read_text(encoding="utf-8")
    filled = metainfo.replace("@VERSION@", app_version()).replace("@DATE@", _date())
    _write(share / "metainfo" / f"{APP_ID}.metainfo.xml", filled)
    for icon in (WORK / "icons").glob("*.png"):
        if int(icon.stem) <= 512:
            _copy(icon, share / "icons" / "hicolor" / f"{icon.stem}x{icon.stem}" / "apps" / f"{NAME}.png")
    _copy(ROOT / "resources" / "icons" / "app.svg", share / "icons" / "hicolor" / "scalable" / "apps" / f"{NAME}.svg")
    _copy(LINUX / "copyright", share / "doc" / NAME / "copyright")
    manual = share / "man" / "man1" / f"{NAME}.1.gz"
    manual.parent.mkdir(parents=True)
    text = (LINUX / f"{NAME}.1").read_text(encoding="utf-8").replace("@VERSION@", version)
    manual.write_bytes(gzip.compress(text.encode(), mtime=0))
    command = root / "usr" / "bin" / NAME
    command.parent.mkdir(parents=True)
    command.symlink_to(f"../../opt/{NAME}/{NAME}")
    return root


def package(root: Path, target: Path, version: str, name: str) -> Path:
    """Write the .deb; ``Depends`` is what the bundled libraries need from outside.

    Both sizes of the program install the same files: one takes the place of the other.
    """
    size = sum(p.lstat().st_size for p in root.rglob("*") if p.is_file() and not p.is_symlink()) // 1024
    control = (LINUX / "control").read_text(encoding="utf-8")
    for key, value in {
        "@NAME@": name, "@OTHER@": f"{NAME}-viewer" if name == NAME else NAME,
        "@ABOUT@": "Models can be taught." if name == NAME else "This is the Viewer: it teaches no models.",
        "@VERSION@": version.replace("-", "~"), "@ARCH@": _architecture(), "@SIZE@": str(size),
        "@DEPENDS@": ", ".join([*needed(root / "opt" / NAME), *DATA]),
    }.items():  # fmt: skip
        control = control.replace(key, value)
    _write(root / "DEBIAN" / "control", control)
    for path in root.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    made = target / f"{name}_{version.replace('-', '~')}_{_architecture()}.deb"
    made.unlink(missing_ok=True)
    when = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": when.stdout.strip()}
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "-z9", "--build", root, made],
                   env=environment, stdout=subprocess.DEVNULL, check=True)  # fmt: skip
    return made


def needed(folder: Path) -> list[str]:
    """Packages of this system that hold the libraries which the folder wants and doesn't bring."""
    brought, wanted = set(), set()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        with path.open("rb") as file:
            if file.read(4) != b"\x7fELF":
                continue
        brought.add(path.name)
        if "/platformthemes/" not in path.as_posix():  # a desktop without GTK doesn't need its theme
            shown = subprocess.run(["readelf", "-dW", path], capture_output=True, text=True, check=True).stdout
            wanted |= set(re.findall(r"\(NEEDED\).*\[(.+?)\]", shown))
    packages, known = set(), {**KNOWN, **system_libraries()}
    for name in sorted(wanted - brought):
        owner = known.get(name)
        if owner is None:
            raise SystemExit(f"{name} is needed, isn't bundled, and no package of this system has it.")
        packages.add(owner.removesuffix("t64"))  # newer releases renamed some; those packages provide the old name
    packages.discard("libc6")
    return [f"libc6 (>= {platform.libc_ver()[1]})", *sorted(packages)]


def _architecture() -> str:
    done = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _date() -> str:
    done = subprocess.run(["git", "log", "-1", "--format=%cs"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o644)


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    target.chmod(0o644)
