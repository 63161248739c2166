"""``analyze``: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from jsonschema import Draft202012Validator

from divisive_desktop.desktop.features.opening.samples import sample_paths
from tests.cli.conftest import MODEL, photograph, run


def test_analyses_a_radiograph(
    with_models: Path, rg1: Path, tmp_path: Path, schema: Draft202012Validator, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    assert run("analyze", rg1, *MODEL, "--json", out, "--overlay", tmp_path / "pictures") == 0
    (result,) = json.loads(out.read_text(encoding="utf-8"))
    schema.validate(result)
    assert result["file"] == str(rg1)
    assert result["model"]["id"] == "seeded-chest"
    assert result["true_class_source"] == "nearer", "what is undecided isn't predicted"
    (picture,) = (tmp_path / "pictures").iterdir()
    assert picture.name.startswith("RG1_UNCR.")
    pixels = cv2.imread(str(picture))
    assert pixels is not None
    assert pixels.std() > 20
    said = capsys.readouterr().out
    assert "RG1_UNCR.dcm" in said
    assert f"P(abnormal) {result['probability']:.2f}".replace("0.", ".") in said
    assert result["answer"] == "undecided", "nobody measured how often the seeded model is wrong"
    assert "by seeded-chest version 1" in result["statement"]
    assert "above 0.50)? Undecided (scope not checked)" in result["statement"]


def test_json_on_stdout_is_nothing_but_json(
    with_models: Path, rg1: Path, tmp_path: Path, schema: Draft202012Validator, capfd: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.dcm"
    empty.touch()
    assert run("analyze", rg1, empty, *MODEL, "--label", 0, "--json", "-") == 3
    printed = capfd.readouterr()
    good, bad = json.loads(printed.out)
    schema.validate(good)
    schema.validate(bad)
    assert (good["true_class"], good["true_class_source"]) == (0, "label")
    assert bad["error"]["kind"] == "empty-file"
    assert bad["error"]["remedy"] in printed.err


def test_bad_files_are_explained_and_the_others_done(
    with_models: Path, rg1: Path, tmp_path: Path, schema: Draft202012Validator
) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    data = rg1.read_bytes()
    (bad / "empty.dcm").touch()
    (bad / "text.dcm").write_text("this is no picture\n")
    (bad / "truncated.dcm").write_bytes(data[: len(data) // 2])
    without = pydicom.dcmread(rg1)
    del without.PixelData
    without.save_as(bad / "no-pixels.dcm")
    (bad / "half.png").write_bytes(photograph(tmp_path / "whole.png", 300, 300).read_bytes()[:900])
    photograph(bad / "tiny.png", 1, 1)
    good = tmp_path / "good"
    good.mkdir()
    photograph(good / "long.png", 30_000, 30)
    (good / "constant.png").write_bytes(cv2.imencode(".png", np.full((90, 90), 128, np.uint8))[1].tobytes())
    named = [*sorted(bad.iterdir()), good, rg1, tmp_path / "missing.dcm"]

    out = tmp_path / "out.json"
    assert run("analyze", *named, *MODEL, "--json", out) == 3
    results = json.loads(out.read_text(encoding="utf-8"))
    for result in results:
        schema.validate(result)
    failed = {Path(r["file"]).name: r["error"] for r in results if "error" in r}
    assert set(failed) >= {"empty.dcm", "text.dcm", "truncated.dcm", "no-pixels.dcm", "half.png", "missing.dcm"}
    assert all(e["message"] and e["remedy"] and e["kind"] != "internal" for e in failed.values())
    done = {Path(r["file"]).name for r in results if "error" not in r}
    assert done - {"tiny.png"} == {"long.png", "constant.png", rg1.name}


def test_a_folder_without_images_is_said(with_models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see\n")
    assert run("analyze", tmp_path, *MODEL) == 3
    assert "holds no images" in capsys.readouterr().err


@pytest.mark.parametrize("stem", ["x" * 251, "胸" * 83])
def test_the_longest_names_get_their_overlay_and_json(with_models: Path, tmp_path: Path, stem: str) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    photograph(folder / f"{stem}.png", 300, 300, seed=1)
    photograph(folder / "a.png", 300, 300, seed=2)
    out = tmp_path / "out.json"
    assert run("analyze", folder, *MODEL, "--no-face", "--json", out, "--overlay", tmp_path / "pictures") == 0
    assert len(json.loads(out.read_text())) == 2
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 2


def test_a_casebook_is_not_taken_for_a_folder_of_images(
    with_models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = tmp_path / "Films.casebook"
    (book / "blobs").mkdir(parents=True)
    (book / "casebook.sqlite").touch()
    photograph(book / "blobs" / "thumbnail.png", 96, 96, seed=1)
    assert run("analyze", book, *MODEL) == 3
    assert "is a casebook" in capsys.readouterr().err


def test_a_folder_of_many_mixed_files(
    with_models: Path, rg1: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "many"
    for i in range(3000):
        inside = folder / f"d{i % 7}"
        inside.mkdir(parents=True, exist_ok=True)
        if i % 250 == 3:
            photograph(inside / f"{i}", 40, 40, seed=i)  # no extension: known by its content
        elif i % 250 == 4:
            (inside / f"{i}.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
        else:
            (inside / f"{i}.txt").write_text(f"note {i}\n")
    out = tmp_path / "out.json"
    assert run("analyze", folder, rg1, *MODEL, "--json", out) == 3
    results = json.loads(out.read_text())
    assert sum("error" not in r for r in results) == 13
    assert sum("error" in r for r in results) == 12
    assert "25 of 25 images" in capsys.readouterr().err


def test_what_cannot_be_done_is_said_with_a_remedy(
    with_models: Path, rg1: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = (
        (("analyze", rg1, "--model", "nobody"), 1, "seeded-chest"),
        (("analyze", rg1, "--device", "abacus"), 1, "cpu"),
        (("analyze", rg1, *MODEL, "--json", tmp_path / "no" / "folder.json"), 1, "Choose another folder"),
        (("analyze", rg1, *MODEL, "--overlay", rg1), 1, "Choose another folder"),
        (("analyze", rg1, "--task", "tea-leaves"), 2, "chest-cardiomegaly"),
        (("analyze", rg1, *MODEL, "--task", "face-manipulation"), 2, "chest-cardiomegaly"),
        (("analyze", rg1, "--label", 2), 2, "label"),
        (("analyze",), 2, "paths"),
        (("analyse", rg1), 2, "analyze"),
    )
    for arguments, code, said in cases:
        assert run(*arguments) == code, arguments
        printed = capsys.readouterr()
        assert said in printed.err, arguments
        assert "Traceback" not in printed.err


def test_a_failed_run_leaves_no_half_written_json(with_models: Path, rg1: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    out.write_text("before")
    assert run("analyze", rg1, *MODEL, "--json", out, "--overlay", rg1) == 1
    assert out.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_interrupted_batch_keeps_what_was_done(with_models: Path, tmp_path: Path) -> None:
    for i in range(400):
        photograph(tmp_path / f"{i}.png", 60, 60, i)
    out = tmp_path / "out.json"
    arguments = ["analyze", str(tmp_path), "--no-face", "--device", "cpu", "--json", str(out)]
    running = subprocess.Popen(
        [sys.executable, "-m", "divisive_desktop", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored, inherited, where tests run with '&'
    )  # fmt: skip
    assert running.stdout is not None
    running.stdout.readline()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in said
    part = tmp_path / ".out.json.part"
    assert str(part) in said
    assert len(json.loads(part.read_text())) >= 1
    assert not out.exists()


def test_photographs_are_cropped_to_the_face(
    with_models: Path, tmp_path: Path, schema: Draft202012Validator, capsys: pytest.CaptureFixture[str]
) -> None:
    astronaut, nobody = sample_paths()[-1], photograph(tmp_path / "nobody.png", 300, 200)
    out = tmp_path / "out.json"
    assert run("analyze", astronaut, nobody, "--device", "cpu", "--json", out) == 3
    said = capsys.readouterr()
    assert "Seen: the one face that was found" in said.out
    assert "--crop" in said.err
    face, none = json.loads(out.read_text())
    schema.validate(face)
    assert none["error"]["kind"] == "no-face"
    framing = face["preprocessing"]["framing"]
    assert framing["how"] == "detected"
    assert framing["detector"]["licence"] == "MIT"
    assert face["preprocessing"]["region"] == framing["crop"]
    for feature in face["features"]:
        x, y, width, height = framing["crop"]
        assert x <= feature["box"][0]
        assert y <= feature["box"][1]
        assert feature["box"][0] + feature["box"][2] <= x + width
        assert feature["box"][1] + feature["box"][3] <= y + height

    assert run("analyze", astronaut, nobody, "--no-face", "--device", "cpu", "--json", out) == 0
    assert [r["preprocessing"]["framing"]["how"] for r in json.loads(out.read_text())] == ["whole", "whole"]
    assert run("analyze", astronaut, "--crop", "100,20,240,240", "--device", "cpu", "--json", out) == 0
    assert json.loads(out.read_text())[0]["preprocessing"]["region"] == [100, 20, 240, 240]
    assert run("analyze", astronaut, "--crop", "100,20,240", "--device", "cpu") == 2


# ---- archives -------------------------------------------------------------------------------------------


def test_a_zip_is_analysed_and_nothing_of_it_is_left(
    with_models: Path, rg1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    archive = tmp_path / "film.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.write(rg1, "PAT/film.dcm")
        out.write(photograph(tmp_path / "a.png"), "a.png")
        out.writestr("readme.txt", "no picture")
    results = tmp_path / "out.json"
    assert run("analyze", archive, *MODEL, "--json", results, "--overlay", tmp_path / "pictures") == 0
    found = json.loads(results.read_text(encoding="utf-8"))
    assert [r["file"] for r in found] == [str(archive / "a.png"), str(archive / "PAT" / "film.dcm")]
    assert f"{archive / 'PAT' / 'film.dcm'}: " in capsys.readouterr().out
    assert sorted(p.name.split(".")[0] for p in (tmp_path / "pictures").iterdir()) == ["a", "film"]
    assert list(scratch.iterdir()) == []


def test_what_is_wrong_with_a_zip_is_said_and_the_others_are_done(
    with_models: Path, rg1: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 but then nothing")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as out:
        out.writestr("readme.txt", "no picture")
    results = tmp_path / "out.json"
    assert run("analyze", tmp_path / "broken.zip", tmp_path / "empty.zip", rg1, *MODEL, "--json", results) == 3
    broken, empty, film = json.loads(results.read_text(encoding="utf-8"))
    assert (broken["error"]["kind"], empty["error"]["kind"]) == ("archive", "not-an-image")
    assert film["file"] == str(rg1)
    said = capsys.readouterr().err
    assert "broken.zip can't be unpacked" in said
    assert "empty.zip holds no images" in said
