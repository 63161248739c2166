"""Builds the packaged program for the system it runs on; ``make package`` calls it in an environment of its own.

An environment without torch gives the Viewer (``divisive-desktop-viewer-…``), which teaches no models.

Linux: ``dist/divisive-desktop-VERSION-linux-ARCH.tar.xz`` and ``.deb``. Windows: a folder and, where Inno Setup is
installed, an installer. macOS: an .app and, by macos/dmg.sh, a disk image. Beside them a bill of materials
(CycloneDX), and in every package the notices of all that is bundled.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import debian
import icons
import licences
import orphans
import strip
import stubs
from bundle import ROOT, TEACHES, VERSION_FILE, app_version, is_gpu_build

BUILD, DIST = ROOT / "build", ROOT / "dist"
WORK = BUILD / "work"
NAME = "divisive-desktop" if TEACHES else "divisive-desktop-viewer"
LIMIT_UNPACKED_MB, LIMIT_PACKED_MB = (900, 290) if TEACHES else (480, 165)
"""Of the CPU build, and of the Viewer, of which OpenCV is a quarter: docs/packaging.md."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-archives", action="store_true", help="stop at the folder that can be run")
    parser.add_argument("--if-changed", action="store_true", help="do nothing where the same inputs were packaged")
    options = parser.parse_args()
    inputs = fingerprint()
    stamp = WORK / f"packaged-{NAME}.json"
    if options.if_changed and unchanged(stamp, inputs):
        print("Nothing that goes into the package has changed: the packages in dist/ are those of these inputs.")
        return
    stamp.unlink(missing_ok=True)
    WORK.mkdir(parents=True, exist_ok=True)
    prepare()
    folder = freeze()
    made = [] if options.no_archives else archives(folder)
    sizes(folder, made)
    if made:
        stamp.write_text(json.dumps({"inputs": inputs, "made": {p.name: digest(p) for p in made}}), encoding="utf-8")


def fingerprint() -> str:
    """SHA-256 over all that decides what comes out: tracked files, the interpreter, every installed package."""
    files = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--",
                "divisive_desktop", "resources", "models", "build", "pyproject.toml", "LICENSE")  # fmt: skip
    packages = subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True, check=True)
    whole = hashlib.sha256(f"{sys.version} {platform.platform()} {packages.stdout} {version()}".encode())
    for name in sorted(n for n in files.split("\0") if n):
        path = ROOT / name
        if path.is_file():
            whole.update(f"{name} {os.access(path, os.X_OK)} {digest(path)}\n".encode())
    return whole.hexdigest()


def unchanged(stamp: Path, inputs: str) -> bool:
    """The same inputs, and what they gave is still there as it was written."""
    if not stamp.is_file():
        return False
    said = json.loads(stamp.read_text(encoding="utf-8"))
    runs = (DIST / NAME).is_dir()
    return runs and said["inputs"] == inputs and all(
        (DIST / name).is_file() and digest(DIST / name) == value for name, value in said["made"].items()
    )  # fmt: skip


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip("\n")


def version() -> str:
    """``0.1.0`` at its tag; elsewhere with what git says of the commit: ``0.1.0+g1a2b3c4``, ``….dirty``."""
    described = git("describe", "--always", "--dirty", "--tags", "--match", "v*")
    if described == f"v{app_version()}":
        return app_version()
    commit = git("rev-parse", "--short=8", "HEAD")
    return f"{app_version()}+g{commit}" + (".dirty" if described.endswith("-dirty") else "")


def prepare() -> None:
    """What the spec takes from build/work/: version, icons, Windows' version resource."""
    subprocess.run([sys.executable, BUILD / "sign_models.py", "--check"], check=False)  # for whoever releases to read
    (WORK / VERSION_FILE).write_text(version() + "\n", encoding="utf-8")
    icons.write(ROOT / "resources" / "icons" / "app.svg", WORK)
    numbers = ", ".join([*app_version().split("."), "0"])
    text = (BUILD / "windows" / "version-info.txt").read_text(encoding="utf-8")
    filled = text.replace("@NUMBERS@", numbers).replace("@VERSION@", version())
    (WORK / "version-info.txt").write_text(filled, encoding="utf-8")


def freeze() -> Path:
    """Run PyInstaller, strip, and add notices and bill of materials; the folder that can be run."""
    folder = DIST / NAME
    shutil.rmtree(folder, ignore_errors=True)
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "0",  # the order of what is packed
        "SOURCE_DATE_EPOCH": git("log", "-1", "--format=%ct"),
    }
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN",
               "--distpath", DIST, "--workpath", WORK / f"pyinstaller-{NAME}",
               BUILD / "divisive-desktop.spec"]  # fmt: skip
    subprocess.run(command, env=environment, cwd=ROOT, check=True)
    if sys.platform.startswith("linux"):
        print(f"Without video: {stubs.stub(folder / '_internal') / 1e6:.0f} MB less")
        print(f"Without GTK: {orphans.remove(folder / '_internal') / 1e6:.0f} MB less")
        print(f"Stripped: {strip.strip(folder) / 1e6:.0f} MB of symbols that nothing reads at run time")
    for table in (folder / "_internal").glob("highdicom/_standard/*.json"):  # 22 MB, most of it spaces
        content = json.loads(table.read_text(encoding="utf-8"))
        table.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
    bill = licences.collect(folder, NAME, version())
    licences.write(bill, folder, DIST / f"{NAME}-{version()}.cdx.json")
    if sys.platform == "darwin":  # PyInstaller has made the .app from the folder already
        shutil.copy2(folder / "THIRD_PARTY_NOTICES.txt", DIST / "Divisive Desktop.app" / "Contents" / "Resources")
    return folder


def archives(folder: Path) -> list[Path]:
    """What a person downloads."""
    bill = DIST / f"{NAME}-{version()}.cdx.json"
    machine = platform.machine().lower()
    if sys.platform.startswith("linux"):
        packed = DIST / f"{NAME}-{version()}-linux-{machine}.tar.xz"
        tree = debian.tree(folder, WORK / f"deb-{NAME}", version())
        return [tar(folder, packed), debian.package(tree, DIST, version(), NAME), bill]
    if sys.platform == "win32":
        compiler = shutil.which("iscc")
        if compiler is None:
            print("Inno Setup (iscc) isn't installed: dist/ holds the folder, and no installer.")
            return [bill]
        script = BUILD / "windows" / "installer.iss"
        subprocess.run([compiler, f"/DVersion={version()}", f"/O{DIST}", script], check=True)
        return [DIST / f"{NAME}-{version()}-windows-setup.exe", bill]
    image = DIST / f"{NAME}-{version()}-macos-{machine}.dmg"
    subprocess.run(["bash", BUILD / "macos" / "dmg.sh", DIST / "Divisive Desktop.app", image], check=True)
    return [image, bill]


def tar(folder: Path, target: Path) -> Path:
    """Reproducible: sorted, one time, no names of users.

    The models have most of their weights in common, which a compressor sees that looks back far enough (64 MB).
    """
    when = git("log", "-1", "--format=%ct")
    subprocess.run(
        ["tar", "--sort=name", f"--mtime=@{when}", "--owner=0", "--group=0", "--numeric-owner",
         "--use-compress-program=xz -T0 -9", "-cf", target, "-C", folder.parent, folder.name],
        check=True,
    )  # fmt: skip
    return target


def sizes(folder: Path, made: list[Path]) -> None:
    """Say them, and fail where the CPU build has outgrown its limits."""
    unpacked = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink()) / 1e6
    print(f"{folder.name}: {unpacked:.0f} MB (limit {LIMIT_UNPACKED_MB})")
    packed = [p for p in made if p.suffix != ".json"]
    for path in packed:
        print(f"{path.name}: {path.stat().st_size / 1e6:.0f} MB (limit {LIMIT_PACKED_MB})")
    if is_gpu_build():
        return
    if unpacked > LIMIT_UNPACKED_MB or any(p.stat().st_size / 1e6 > LIMIT_PACKED_MB for p in packed):
        raise SystemExit("The package has outgrown its limit: look for what came along (build/bundle.py leaves out).")


if __name__ == "__main__":
    main()
