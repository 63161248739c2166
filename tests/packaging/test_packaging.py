"""The parts of the packager that can go wrong without anybody noticing. The package itself: build/check.sh, in CI."""

from __future__ import annotations

import configparser
import ctypes
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from divisive_desktop.library.tasks import TASKS

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux packages")


def tool(name: str, patch: pytest.MonkeyPatch) -> ModuleType:
    """A module of build/, which is no package."""
    patch.syspath_prepend(str(BUILD))
    spec = importlib.util.spec_from_file_location(f"build_{name}", BUILD / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    patch.setitem(sys.modules, spec.name, module)  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def test_gtk_goes_with_all_that_only_it_brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links = {
        "libqgtk3.so": {"libgtk-3.so.0", "libQt6Gui.so.6", "libc.so.6"}, "libgtk-3.so.0": {"libpango.so", "libglib.so"},
        "libpango.so": {"libgtk-3.so.0", "libz.so"}, "libQt6Gui.so.6": {"libglib.so"}, "libglib.so": set(),
        "libz.so": set(), "_module.so": {"libz.so"}, "QtGui.so": {"libQt6Gui.so.6"}, "libloaded-by-name.so": set(),
    }  # fmt: skip
    (tmp_path / "plugins").mkdir()
    for name in links:
        (tmp_path / ("plugins" if name == "libqgtk3.so" else "") / name).write_bytes(b"12345")
    (tmp_path / "libpango-link.so").symlink_to("libpango.so")

    saved = tool("orphans", monkeypatch).remove(tmp_path, lambda path: links[path.name])

    assert saved == 15
    left = {p.name for p in tmp_path.rglob("*.so*")}
    assert left == links.keys() - {"libqgtk3.so", "libgtk-3.so.0", "libpango.so"}


@linux_only
@pytest.mark.skipif(shutil.which("strip") is None, reason="binutils")
def test_a_stripped_library_still_loads_and_one_that_would_not_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import _openjpeg
    import numpy as np

    strip = tool("strip", monkeypatch)
    plain = tmp_path / "libplain.so"
    shutil.copy2(_openjpeg.__file__, plain)
    patched = next((Path(np.__file__).parent.parent / "numpy.libs").glob("*openblas*"))  # rewritten by patchelf
    other = tmp_path / patched.name
    shutil.copy2(patched, other)
    assert strip.loadable(plain)
    assert strip.loadable(other)
    broken = tmp_path / "broken.so"
    data = bytearray(plain.read_bytes())
    entry = int.from_bytes(data[32:40], "little")
    while int.from_bytes(data[entry : entry + 4], "little") != 1:
        entry += 56
    data[entry + 8 : entry + 16] = (int.from_bytes(data[entry + 8 : entry + 16], "little") + 8).to_bytes(8, "little")
    broken.write_bytes(data)
    assert not strip.loadable(broken)
    broken.unlink()
    saved = strip.strip(tmp_path)
    assert saved > 0
    assert plain.stat().st_size < Path(_openjpeg.__file__).stat().st_size
    assert not list(tmp_path.glob("*.stripped"))
    subprocess.run(
        [sys.executable, "-c", f"import ctypes; ctypes.CDLL({str(other)!r})"],
        env={**os.environ, "LD_LIBRARY_PATH": str(patched.parent)}, check=True,
    )  # fmt: skip
    assert ctypes.CDLL(str(plain))


def test_nothing_that_the_program_needs_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tool("bundle", monkeypatch)
    for path in (
        "PySide6/Qt/plugins/platforms/libqxcb.so", "PySide6/Qt/plugins/platforms/libqoffscreen.so",
        "PySide6/Qt/plugins/platforms/libqwayland.so", "PySide6/Qt/lib/libQt6Svg.so.6", "torch/lib/libtorch_cpu.so",
        "resources/selftest/rle.dcm", "models/descriptions/chest-opacity.toml", "highdicom/_icc_profiles/sRGB.icc",
        "PySide6\\plugins\\platforms\\qwindows.dll",
    ):  # fmt: skip
        assert bundle.is_wanted(path), path
    assert not bundle.is_wanted("PySide6/Qt/lib/libQt6Qml.so.6")
    assert not bundle.is_wanted("PySide6\\Qt\\qml\\x.dll")
    assert all(p.is_file() for p in bundle.samples())
    imported = {
        found
        for path in (ROOT / "divisive_desktop").rglob("*.py")
        for found in re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    # SciPy: studies alone, scikit-learn: fitting a scope, Dask and pyarrow: analyze; all say so. GDCM, skimage and
    # data_store: only looked for.
    said = {"scipy", "sklearn", "dask", "distributed", "pyarrow"}
    assert not {name for name in imported if name in bundle.EXCLUDED} - said


def test_the_notices_name_what_is_bundled_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    licences = tool("licences", monkeypatch)
    monkeypatch.setattr(licences, "_bundled", lambda folder: ({"pydicom", "pydicom.uid"}, {"PIL/_imaging.so"}))
    (tmp_path / "_internal").mkdir()
    parts = licences.collect(tmp_path, "divisive-desktop", "9.9")
    names = [p.name for p in parts]
    assert names[0] == "divisive-desktop"
    assert {"pydicom", "python"} <= set(names)
    assert "torch" not in names
    licences.write(parts, tmp_path, tmp_path / "bill.json")
    text = (tmp_path / "THIRD_PARTY_NOTICES.txt").read_text(encoding="utf-8")
    assert "Permission is hereby granted" in text, "pydicom's licence in full"
    bill = json.loads((tmp_path / "bill.json").read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    pydicom = next(c for c in bill["components"] if c["name"] == "pydicom")
    assert pydicom["purl"].startswith("pkg:pypi/pydicom@3")
    assert pydicom["licenses"]


def test_an_old_package_counts_as_current_only_while_it_is_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tool("package", monkeypatch)
    monkeypatch.setattr(package, "DIST", tmp_path)
    (tmp_path / "divisive-desktop").mkdir()
    made = tmp_path / "x.deb"
    made.write_bytes(b"package")
    stamp = tmp_path / "packaged.json"
    assert not package.unchanged(stamp, "inputs")
    stamp.write_text(json.dumps({"inputs": "inputs", "made": {"x.deb": package.digest(made)}}))
    assert package.unchanged(stamp, "inputs")
    assert not package.unchanged(stamp, "other inputs")
    made.write_bytes(b"another")
    assert not package.unchanged(stamp, "inputs")


def test_the_icons_are_pictures_in_their_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    icons = tool("icons", monkeypatch)
    icons.write(ROOT / "resources" / "icons" / "app.svg", tmp_path)
    for size in icons.SIZES:
        with Image.open(tmp_path / "icons" / f"{size}.png") as picture:
            assert picture.size == (size, size)
            assert len(picture.convert("RGBA").resize((32, 32)).getcolors(4096) or ()) > 20, "drawn, not empty"
    with Image.open(tmp_path / "divisive-desktop.ico") as picture:
        assert {(16, 16), (256, 256)} <= picture.info["sizes"]
    with Image.open(tmp_path / "divisive-desktop.icns") as picture:
        assert max(s[0] * s[2] for s in picture.info["sizes"]) >= 1024


@linux_only
@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg")
def test_the_debian_package_holds_what_a_desktop_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    debian, icons = tool("debian", monkeypatch), tool("icons", monkeypatch)
    monkeypatch.setattr(debian, "WORK", tmp_path / "work")
    icons.write(ROOT / "resources" / "icons" / "app.svg", tmp_path / "work")
    folder = tmp_path / "divisive-desktop"
    folder.mkdir()
    shutil.copy2("/bin/true", folder / "divisive-desktop")
    os.chmod(folder / "divisive-desktop", 0o755)
    tree = debian.tree(folder, tmp_path / "tree", "0.1.0+gabc")
    viewer = debian.package(tree, tmp_path, "0.1.0+gabc", "divisive-desktop-viewer")
    deb = debian.package(tree, tmp_path, "0.1.0+gabc", "divisive-desktop")
    for one, other in ((viewer, deb), (deb, viewer)):
        name, conflicts = (subprocess.run(["dpkg-deb", "--field", file, field], capture_output=True, text=True,
                                          check=True).stdout.strip() for file, field in
                           ((one, "Package"), (other, "Conflicts")))  # fmt: skip
        assert name == conflicts, "one takes the place of the other"
    shown = subprocess.run(["dpkg-deb", "--field", deb], capture_output=True, text=True, check=True).stdout
    assert "Version: 0.1.0+gabc" in shown
    assert re.search(r"^Depends: libc6 \(>= [\d.]+\), .*fonts-", shown, re.MULTILINE)
    assert "@" not in shown.replace("divisive-desktop@localhost", "")
    out = tmp_path / "out"
    subprocess.run(["dpkg-deb", "-x", deb, out], check=True)
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str  # type: ignore[assignment, method-assign]
    entry.read(out / "usr/share/applications/divisive-desktop.desktop", encoding="utf-8")
    main = entry["Desktop Entry"]
    program = main["Exec"].split()[0]
    assert os.access(out / program.lstrip("/"), os.X_OK)
    assert (out / "usr/bin/divisive-desktop").resolve() == (out / program.lstrip("/")).resolve()
    assert "application/dicom" in main["MimeType"]
    assert "application/dicom" in (out / "usr/share/mime/packages/divisive-desktop.xml").read_text()
    assert (out / f"usr/share/icons/hicolor/48x48/apps/{main['Icon']}.png").is_file()
    assert "@" not in (out / "usr/share/metainfo/org.divisive.desktop.metainfo.xml").read_text()


def test_the_default_model_of_every_question_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = {folder.name for folder in tool("bundle", monkeypatch).models()}
    cards = {c.parent.name: json.loads(c.read_text(encoding="utf-8")) for c in (ROOT / "models").glob("*/card.json")}
    asked = {task.id for task in TASKS if not task.instrument} - {"chest-xray"}  # its models left
    assert sorted(cards[name]["task"] for name in packed) == sorted(asked)
    assert all(cards[name]["scope"] and cards[name]["decision"] for name in packed)


def test_what_binds_the_whole_program_can_t_come_along(monkeypatch: pytest.MonkeyPatch) -> None:
    binds = tool("licences_page", monkeypatch).binds
    for bad in ("GPL V3.0", "GNU General Public License v3 (GPLv3)", "GPL-2.0-only OR GPL-3.0-only", "AGPL-3.0-only"):
        assert binds(bad), bad
    for good in ("MIT", "LGPL-3.0-only", "LGPL-3.0-only OR GPL-2.0-only", "MPL-2.0", "GPL-2.0-only OR MIT",
                 "GPL-2.0 with an exception that lets any program use it"):  # fmt: skip
        assert not binds(good), good


def test_the_page_of_licences_names_what_is_needed_and_nothing_under_the_gpl(monkeypatch: pytest.MonkeyPatch) -> None:
    found = tool("licences_page", monkeypatch).bundled()
    assert {"numpy", "torch", "pydicom", "pyjpegls", "PySide6_Essentials", "keyring"} <= found.keys()
    assert not {"pylibjpeg-libjpeg", "python-gdcm", "pytest", "scipy", "tifffile"} & found.keys()
    assert all(found.values())


def test_every_bundled_library_but_torch_has_a_hash_of_the_version_that_was_tested(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def versions(path: Path) -> dict[str, str]:
        lines = [line.split(" ")[0] for line in path.read_text(encoding="utf-8").splitlines() if "==" in line]
        return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in (line.split("==") for line in lines)}

    tested, hashed = versions(ROOT / "constraints.txt"), versions(BUILD / "hashes.txt")
    assert all(tested[name] == version for name, version in hashed.items() if name in tested)
    bundled = {re.sub(r"[-_.]+", "-", name).lower() for name in tool("licences_page", monkeypatch).bundled()}
    assert bundled - hashed.keys() <= {"python", "torch", "pyinstaller's bootloader"}
