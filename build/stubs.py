"""Puts empty libraries in the place of FFmpeg and AV1, which OpenCV's wheel brings for video: 40 MB (Linux).

The program opens no video, but ``cv2`` can't be loaded without the symbols. The stubs have the names and versions that
it asks for and answer 0, as the registration of OpenCV's video reader at import wants it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

STUBBED = ("libavcodec", "libavformat", "libavutil", "libswscale", "libavif")
"""Libraries that only OpenCV's video and AVIF parts call."""
UNNEEDED = ("libswresample", "libaom", "libvpx", "libcrypto", "libssl", "libdrm")
"""Libraries that only those call."""


def stub(internal: Path) -> int:
    """Replace them where a C compiler is at hand; the bytes saved."""
    libraries = internal / "opencv_python_headless.libs"
    if shutil.which("gcc") is None or not libraries.is_dir():
        return 0
    before = _size(libraries)
    module = next((internal / "cv2").glob("cv2*.so"))
    for path in sorted(libraries.iterdir()):
        if path.name.startswith(STUBBED):
            _write(path, _imported(module, path.name))
        elif path.name.startswith(UNNEEDED):
            path.unlink()
    for link in internal.iterdir():
        if link.is_symlink() and not link.exists():  # to one of those
            link.unlink()
    return before - _size(libraries)


def _imported(module: Path, library: str) -> dict[str, list[str]]:
    """Version -> symbols that the module takes from the library."""
    shown = subprocess.run(["readelf", "-VW", module], capture_output=True, text=True, check=True).stdout
    versions: set[str] = set()
    inside = False
    for line in shown.splitlines():
        if "File:" in line:
            inside = f"File: {library} " in line
        elif inside and (found := re.search(r"Name: (\S+)", line)):
            versions.add(found[1])
    symbols = subprocess.run(["readelf", "--dyn-syms", "-W", module], capture_output=True, text=True, check=True).stdout
    wanted: dict[str, list[str]] = defaultdict(list)
    prefix = {"libavif": "avif"}.get(library.partition("-")[0], "")
    for name, version in re.findall(r" UND (\w+)(?:@(\S+))?", symbols):
        if version in versions or (not versions and prefix and not version and name.startswith(prefix)):
            wanted[version].append(name)
    return wanted


def _write(path: Path, symbols: dict[str, list[str]]) -> None:
    source, script = path.with_suffix(".c"), path.with_suffix(".map")
    names = [name for group in symbols.values() for name in group]
    source.write_text("".join(f"long {name}(void) {{ return 0; }}\n" for name in names), encoding="utf-8")
    groups = "".join(f"{version} {{ global: {'; '.join(group)}; }};\n" for version, group in symbols.items() if version)
    script.write_text(groups, encoding="utf-8")
    command = ["gcc", "-shared", "-fPIC", "-O1", "-w", "-fno-builtin", f"-Wl,-soname,{path.name}", "-o", path, source]
    subprocess.run([*command, f"-Wl,--version-script={script}"] if groups else command, check=True)
    source.unlink()
    script.unlink()


def _size(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
