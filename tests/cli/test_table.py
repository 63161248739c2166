"""``analyze --parquet``: one row an image, and what is said where that can't be."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from divisive_desktop.cli.table import ParquetTable
from tests.cli.conftest import MODEL, Capture, photograph, run


def test_a_table_says_what_the_json_says(with_models: Path, rg1: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra parquet isn't installed")
    empty = tmp_path / "empty.dcm"
    empty.touch()
    out, table = tmp_path / "out.json", tmp_path / "out.parquet"
    assert run("analyze", rg1, empty, *MODEL, "--json", out, "--parquet", table) == 3
    rows = parquet.read_table(table).to_pylist()
    assert [json.loads(row["json"]) for row in rows] == json.loads(out.read_text())
    found = json.loads(rows[0]["json"])
    assert rows[0]["file"] == str(rg1)
    assert (rows[0]["logit_negative"], rows[0]["logit_positive"]) == tuple(found["logits"])
    assert (rows[0]["answer"], rows[0]["scope"]) == (found["answer"], found["scope"]["zone"])
    assert (rows[0]["model"], rows[0]["regions"]) == ("seeded-chest", len(found["features"]))
    assert (rows[1]["error"], rows[1]["probability"]) == ("empty-file", None)
    assert not list(tmp_path.glob(".*"))


def test_an_interrupted_table_keeps_what_was_done_and_a_failed_one_nothing(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra parquet isn't installed")
    target = tmp_path / "out.parquet"
    table = ParquetTable(target)
    table.__enter__()
    table.add({"file": "a.png"})
    table.__exit__(KeyboardInterrupt)
    assert parquet.read_table(tmp_path / ".out.parquet.part").column("file").to_pylist() == ["a.png"]
    ParquetTable(target).__enter__().__exit__(ValueError)
    assert not list(tmp_path.iterdir())


def test_without_pyarrow_it_is_said_how_to_add_it(
    with_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert run("analyze", photograph(tmp_path / "a.png"), "--parquet", tmp_path / "out.parquet") == 1
    assert "divisive-desktop[parquet]" in capsys.readouterr().err
