"""``verify``: a report against its original and its casebook."""

from __future__ import annotations

import json
from pathlib import Path

from divisive_desktop.casebook import Casebook
from divisive_desktop.engine import dispatch
from divisive_desktop.engine.messages import Analyse
from divisive_desktop.engine.worker import Worker
from divisive_desktop.imaging import open_image
from divisive_desktop.reporting.seal import placeholder, seal
from tests.cli.conftest import Capture, run


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
        assert run("verify", file, "--original", original) == 4, "nobody known vouches for it"
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
        book.analyses.add(case, dispatch.answer(Worker("cpu"), Analyse(str(rg1), model_id="seeded-chest")))
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


def test_a_noted_head_is_looked_for(tmp_path: Path, capsys: Capture) -> None:
    Casebook.create(tmp_path / "A.casebook").close()
    assert run("verify", tmp_path / "A.casebook") == 0
    code = capsys.readouterr().out.split("(code ")[1].split(")")[0]
    assert run("verify", tmp_path / "A.casebook", "--head", code) == 0
    assert run("verify", tmp_path / "A.casebook", "--head", code.upper().replace(" ", "-")) == 0
    capsys.readouterr()
    assert run("verify", tmp_path / "A.casebook", "--head", "0123 4567 89ab cdef") == 1
    assert "doesn't contain the record 0123 4567 89ab cdef" in capsys.readouterr().out
    for wrong in ("abc", "zzzz zzzz zzzz zzzz zzzz"):
        assert run("verify", tmp_path / "A.casebook", "--head", wrong) == 2
