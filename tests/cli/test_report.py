"""``report``: what is in the files, what isn't any more, and what is refused."""

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

from divisive_desktop.engine import dispatch
from divisive_desktop.engine.messages import FindFaces
from divisive_desktop.engine.worker import Worker
from tests.cli.conftest import Capture, run
from tests.reporting.conftest import MemoryKeyring, keyring_in_memory, no_keyring  # noqa: F401  # fixtures


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


def test_no_file_of_a_report_on_a_film_says_whose_it_is(with_models: Path, rg1: Path, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(rg1)
    secret, spelt = b"SECRETNAME", "SECRETNAME"
    nested = pydicom.Dataset()
    for keyword in ("PatientName", "PatientID", "InstitutionName", "StudyDescription", "SeriesDescription",
                    "ReferringPhysicianName", "ImageComments", "AccessionNumber", "StudyID", "StationName",
                    "PatientComments", "OperatorsName", "AcquisitionDeviceProcessingDescription"):  # fmt: skip
        setattr(dataset, keyword, spelt)
        setattr(nested, keyword, spelt)
    dataset.RequestAttributesSequence = [nested]
    dataset.add_new(0x00091010, "LO", spelt)
    dataset.preamble = secret * 12 + bytes(8)
    dataset.PixelData += secret
    film = tmp_path / f"{spelt}.dcm"
    dataset.save_as(film)
    out = tmp_path / "out"
    formats = "pdf,html,json,csv,dicom"
    assert run("report", film, "--format", formats, "--out", out, "--device", "cpu", "--model", "seeded-chest") == 0
    files = [file for file in out.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".pdf", ".html", ".json", ".csv", ".dcm"}
    spellings = [secret, secret.lower(), spelt.encode("utf-16-le"), spelt.encode("utf-16-be"),
                 base64.b64encode(secret).rstrip(b"="), secret.hex().encode(),
                 secret.hex().upper().encode()]  # fmt: skip
    assert any(s in film.read_bytes() for s in spellings)
    for file in files:
        assert spelt not in file.name
        laid_open = file.read_bytes() if file.suffix == ".dcm" else everything(file)
        assert [s for s in spellings if s in laid_open] == [], file.name


def test_faces_are_made_unrecognisable(with_models: Path, astronaut: Path, tmp_path: Path) -> None:
    shown = {}
    for name, more in (("plain", ()), ("hidden", ("--pixelate-faces",))):
        out = tmp_path / name
        arguments = ("--format", "html", "--out", out, "--device", "cpu", "--no-face", *more)
        assert run("report", astronaut, *arguments) == 0
        shown[name] = pictures(next(out.iterdir()))
    assert len(shown["plain"]) == len(shown["hidden"]) >= 4
    worker = Worker("cpu")
    (face,) = dispatch.answer(worker, FindFaces(str(astronaut))).found
    x, y, w, h = (round(v * 1000 / 512) for v in face.box)  # pictures are 1000 pixels wide
    for plain, hidden in zip(shown["plain"][:1], shown["hidden"][:1], strict=True):
        before, after = (np.asarray(p.convert("L"), float)[y : y + h, x : x + w] for p in (plain, hidden))
        assert roughness(after) < roughness(before) / 3
    for number, picture in enumerate(shown["hidden"]):
        file = tmp_path / f"{number}.png"
        picture.convert("RGB").save(file)
        faces = [f for f in dispatch.answer(worker, FindFaces(str(file))).found if overlaps(f.box, (x, y, w, h))]
        assert not faces, f"the detector still finds the face in picture {number}"


def test_the_question_is_the_user_s(with_models: Path, rg1: Path, tmp_path: Path, capsys: Capture) -> None:
    arguments = ("--format", "json", "--out", tmp_path / "out", "--device", "cpu")
    assert run("report", rg1, "--task", "face-manipulation", "--no-face", "--ask-anyway", *arguments) == 0
    (case,) = json.loads(next((tmp_path / "out").iterdir()).read_text(encoding="utf-8"))["cases"]
    assert case["analysis"]["task"] == "face-manipulation"
    assert case["question"] == "Was this photograph of a face manipulated?"
    for wrong, said in (
        (("--task", "knee"), "the tasks are"),
        (("--task", "face-manipulation", "--model", "seeded-chest"), "answers the task chest-cardiomegaly"),
    ):
        assert run("report", rg1, *wrong, *arguments) == 2
        assert said in " ".join(capsys.readouterr().err.replace("│", " ").split())


def pictures(page: Path) -> list[Image.Image]:
    found = re.findall(rb'src="data:image/(?:png|jpeg);base64,([A-Za-z0-9+/=]+)"', page.read_bytes())
    opened = [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]
    return [p for p in opened if min(p.size) > 200]


def roughness(part: np.ndarray) -> float:
    return float((np.abs(np.diff(part, axis=0)) > 4).mean())


def overlaps(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


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
