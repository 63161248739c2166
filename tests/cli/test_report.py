"""The commands about reports: report, verify, keys."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from divisive_desktop.casebook import Casebook
from divisive_desktop.cli.entry import main
from divisive_desktop.engine.messages import Analyse
from divisive_desktop.engine.worker import Worker
from divisive_desktop.imaging import open_image
from divisive_desktop.reporting.seal import placeholder, seal
from tests.reporting.conftest import MemoryKeyring, keyring_in_memory, no_keyring  # noqa: F401  # fixtures

Capture = pytest.CaptureFixture[str]


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in arguments])
    return int(left.value.code or 0)


@pytest.fixture
def astronaut(tmp_path: Path) -> Path:
    """A real face as a photograph that tells where it was taken and who is on it."""
    data = pytest.importorskip("skimage.data")
    exif = Image.Exif()
    exif[0x010E] = "Portrait of Eileen Collins"
    exif[0x013B] = "Photographer Smith"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0), 29: "1999:07:23"})
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:creator>Eileen Collins</dc:creator></x:xmpmeta>'
    path = tmp_path / "Eileen Collins.jpg"
    Image.fromarray(data.astronaut()).save(path, exif=exif, xmp=xmp, comment=b"Eileen Collins, Houston")
    assert b"Eileen" in path.read_bytes()
    return path


def everything(path: Path) -> bytes:
    """A file with all that is compressed or encoded in it laid open."""
    data = path.read_bytes()
    parts = [data]
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL) if path.suffix == ".pdf" else ():
        with contextlib.suppress(zlib.error):
            parts.append(zlib.decompress(stream))
    parts += [base64.b64decode(found) for found in re.findall(rb"base64,([A-Za-z0-9+/=]+)", data)]
    assert len(parts) > 4 or path.suffix in (".json", ".csv")
    return b"\n".join(parts)


SECRETS = (b"Eileen", b"Collins", b"Smith", b"Houston", b"1999:07:23", b"Exif\0")  # the date is that of the position


@pytest.mark.parametrize("many", [False, True], ids=["lossless", "compressed"])
def test_photographs_lose_what_is_written_into_them(
    with_models: Path, astronaut: Path, tmp_path: Path, many: bool
) -> None:
    photographs = [astronaut]
    if many:  # pictures of many cases are written as JPEG
        for number in range(4):
            copy = tmp_path / f"Collins {number}.jpg"
            copy.write_bytes(astronaut.read_bytes() + bytes(number))
            photographs.append(copy)
    out = tmp_path / "out"
    assert run("report", *photographs, "--format", "pdf,html,json,csv", "--out", out, "--device", "cpu") == 0
    files = list(out.iterdir())
    assert {f.suffix for f in files} == {".pdf", ".html", ".json", ".csv"}
    for file in files:
        laid_open = everything(file)
        assert [secret for secret in SECRETS if secret in laid_open] == [], file.name


def test_faces_are_made_unrecognisable(with_models: Path, astronaut: Path, tmp_path: Path) -> None:
    from divisive_desktop.engine.messages import FindFaces

    shown = {}
    for name, more in (("plain", ()), ("hidden", ("--pixelate-faces",))):
        out = tmp_path / name
        arguments = ("--format", "html", "--out", out, "--device", "cpu", "--no-face", *more)
        assert run("report", astronaut, *arguments) == 0
        shown[name] = pictures(next(out.iterdir()))
    assert len(shown["plain"]) == len(shown["hidden"]) >= 4
    worker = Worker("cpu")
    (face,) = worker.handle(FindFaces(str(astronaut))).faces
    x, y, w, h = (round(v * 1000 / 512) for v in face.box)  # pictures are 1000 pixels wide
    for plain, hidden in zip(shown["plain"][:1], shown["hidden"][:1], strict=True):
        before, after = (np.asarray(p.convert("L"), float)[y : y + h, x : x + w] for p in (plain, hidden))
        assert roughness(after) < roughness(before) / 3
    for number, picture in enumerate(shown["hidden"]):
        file = tmp_path / f"{number}.png"
        picture.convert("RGB").save(file)
        faces = [f for f in worker.handle(FindFaces(str(file))).faces if overlaps(f.box, (x, y, w, h))]
        assert not faces, f"the detector still finds the face in picture {number}"


def pictures(page: Path) -> list[Image.Image]:
    found = re.findall(rb'src="data:image/(?:png|jpeg);base64,([A-Za-z0-9+/=]+)"', page.read_bytes())
    opened = [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]
    return [p for p in opened if min(p.size) > 200]


def roughness(part: np.ndarray) -> float:
    return float((np.abs(np.diff(part, axis=0)) > 4).mean())


def overlaps(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


def test_a_report_is_signed_and_its_key_introduced(
    with_models: Path,
    rg1: Path,
    tmp_path: Path,
    keyring_in_memory: MemoryKeyring,  # noqa: F811
    capsys: Capture,
) -> None:
    assert run("keys") == 0
    assert "no signing key yet" in capsys.readouterr().out
    arguments = ("--format", "json,dicom", "--out", tmp_path, "--sign", "--analyst", "Ann", "--device", "cpu")
    assert run("report", rg1, *arguments) == 0
    capsys.readouterr()
    assert run("keys") == 0
    public = capsys.readouterr().out.split()[3]
    assert len(public) == 64
    files = [*tmp_path.glob("*.json"), *tmp_path.glob("*.dcm")]
    assert len(files) >= 6
    for file in files:
        assert run("verify", file) == 0
        assert "Signed by the owner of this account" in capsys.readouterr().out
    assert run("keys", public, "--forget") == 0
    assert run("verify", files[0]) == 0
    assert "Nobody has introduced the key" in capsys.readouterr().out
    assert run("verify", files[0], "--trust", "Ann") == 0
    assert "Signed by Ann" in capsys.readouterr().out
    assert run("keys", public, "--name", "Ann B.") == 0
    assert run("keys") == 0
    assert "Ann B." in capsys.readouterr().out
    assert run("keys", public) == 2
    assert run("keys", "--name", "Ann") == 2
    assert run("keys", "nonsense", "--name", "Ann") == 1


def test_without_a_keyring_nothing_is_signed(
    with_models: Path,
    rg1: Path,
    tmp_path: Path,
    no_keyring: None,  # noqa: F811
    capsys: Capture,
) -> None:
    assert run("report", rg1, "--out", tmp_path / "out", "--sign") == 1
    assert "no keyring" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_original_is_analysed_again(
    with_models: Path, rg1: Path, astronaut: Path, tmp_path: Path, capsys: Capture
) -> None:
    for number, (original, *how) in enumerate(
        ((rg1,), (rg1, "--crop", "200,300,900,800"), (astronaut,), (astronaut, "--no-face"))
    ):
        out = tmp_path / str(number)
        assert run("report", original, *how, "--format", "json", "--out", out, "--device", "cpu") == 0
        (file,) = out.iterdir()
        capsys.readouterr()
        assert run("verify", file, "--original", original) == 0
        said = capsys.readouterr().out
        assert "is the image of this report" in said
        assert "was repeated and gives the same" in said
        document = json.loads(file.read_text(encoding="utf-8"))
        for row in document["cases"][0]["analysis"]["cam"]["true"]:  # a forger who moves the map
            row.reverse()
        document["seal"] = placeholder()
        file.write_bytes(seal(json.dumps(document).encode()))
        assert run("verify", file, "--original", original) == 1
        assert "gives something else" in capsys.readouterr().out
    assert run("verify", file, "--original", rg1) == 1
    assert "not an image of this report" in capsys.readouterr().out


def test_a_casebook_confirms_its_report(with_models: Path, rg1: Path, tmp_path: Path, capsys: Capture) -> None:
    with Casebook.create(tmp_path / "A.casebook") as book:
        case = book.cases.add(open_image(rg1))
        book.analyses.add(case, Worker("cpu").handle(Analyse(str(rg1), model_id="seeded-chest")))
        book.cases.set_label(case, 1)
    Casebook.create(tmp_path / "B.casebook").close()
    assert run("report", f"{tmp_path}/A.casebook#1", "--format", "pdf,csv", "--out", tmp_path / "out") == 0
    pdf, table = sorted((tmp_path / "out").iterdir(), key=lambda p: p.suffix, reverse=True)
    capsys.readouterr()
    assert run("verify", pdf, "--casebook", tmp_path / "A.casebook", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert sum("the casebook has" in f["what"] for f in found["findings"]) >= 4
    assert run("verify", pdf, "--casebook", tmp_path / "B.casebook") == 1
    assert "another casebook" in capsys.readouterr().out
    assert run("verify", table, "--casebook", tmp_path / "A.casebook") == 0
    assert run("verify", tmp_path / "A.casebook") == 0
    assert run("verify", tmp_path / "A.casebook", "--casebook", tmp_path / "A.casebook") == 2
    with Casebook.open(tmp_path / "A.casebook") as book:
        assert book.audit.trail(1, limit=1)[0].act == "report"


def test_bad_arguments_are_said(with_models: Path, rg1: Path, tmp_path: Path, capsys: Capture) -> None:
    for wrong in (
        ("--format", "docx"), ("--format", ""), ("--language", "fr"), ("--paper", "A5"), ("--leave-out", "limitations"),
        ("--logo", tmp_path / "none.png"), ("--conclusion", "x" * 4001),
    ):  # fmt: skip
        assert run("report", rg1, "--out", tmp_path / "out", *wrong) == 1, wrong
        assert len(capsys.readouterr().err.splitlines()) >= 2
    assert run("report", rg1, "--out", tmp_path / "out", "--dates", "guess") == 2
    assert run("report", tmp_path / "gone.dcm", "--out", tmp_path / "out") == 1
    assert not (tmp_path / "out").exists()
    blocked = tmp_path / "file"
    blocked.touch()
    assert run("report", rg1, "--out", blocked / "below") == 1
    assert "can't be made" in capsys.readouterr().err
    assert run("report", rg1, tmp_path / "gone.dcm", "--out", tmp_path / "some", "--format", "json") == 3
    (file,) = (tmp_path / "some").iterdir()
    before = file.read_bytes()
    assert run("report", rg1, "--out", tmp_path / "some", "--format", "json") == 0
    assert file.read_bytes() == before
    assert len(list((tmp_path / "some").iterdir())) == 2


def test_institution_logo_and_sections_are_the_user_s(
    with_models: Path, rg1: Path, tmp_path: Path, capsys: Capture
) -> None:
    Image.new("RGB", (300, 120), (200, 30, 30)).save(tmp_path / "logo.png")
    arguments = (
        "--format", "html", "--language", "de", "--institution", "Klinik für Ähnliches",
        "--logo", tmp_path / "logo.png",
        "--leave-out", "model_card,signature", "--out", tmp_path / "out",
    )  # fmt: skip
    assert run("report", rg1, *arguments) == 0
    page = next((tmp_path / "out").iterdir()).read_text(encoding="utf-8")
    assert "Klinik für Ähnliches" in page
    assert "Nur für die Forschung" in page
    assert page.count('lang="de"') >= 1
    assert run("report", rg1, "--format", "dicom", "--identified", "--out", tmp_path / "dicom") == 0
    for file in (tmp_path / "dicom").iterdir():
        assert pydicom.dcmread(file).PatientName == pydicom.dcmread(rg1).PatientName
