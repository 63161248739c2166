from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from divisive_desktop.errors import ReportError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.scope import ScopeCheck
from divisive_desktop.reporting.build import build_report
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.export import export
from divisive_desktop.reporting.installed import agrees_with_repetition
from divisive_desktop.reporting.keys import known_keys, public_hex, signer, trust
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.seal import placeholder, seal
from divisive_desktop.reporting.verify import Verification, trust_signer, verify_file
from divisive_desktop.reporting.visible import streams

from .conftest import MODEL, Analysed

ANN = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
EVE = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
FORMATS = ("pdf", "html", "json", "csv")


def signed(case: CaseContent, folder: Path) -> list[Path]:
    report = build_report([case], Options(), signer=signer(ANN, "Ann"))
    return export(report, FORMATS, folder, "report", key=ANN)


def resealed(path: Path, key: Ed25519PrivateKey | None) -> Path:
    """What a forger does: the same bytes with a seal of their own."""
    data = re.sub(rb"divisive-seal:1:[0-9a-f:]{258}:", placeholder().encode(), path.read_bytes())
    path.write_bytes(seal(data, key))
    return path


def broken(found: Verification) -> list[str]:
    return [f.what for f in found.findings if f.state == "broken"]


def test_who_signed_is_said(case: CaseContent, tmp_path: Path) -> None:
    for path in signed(case, tmp_path):
        unknown = verify_file(path)
        assert unknown.ok, unknown.as_text()
        assert "Nobody has introduced the key" in unknown.as_text()
        assert "Signed by Ann" in verify_file(path, known_keys={public_hex(ANN): "Ann"}).as_text()


def test_a_forged_seal_is_told(case: CaseContent, tmp_path: Path) -> None:
    for path in signed(case, tmp_path):
        (said,) = broken(verify_file(resealed(path, EVE)))
        assert "but the content says" in said, path.name
        (said,) = broken(verify_file(resealed(path, None)))
        assert "taken away" in said, path.name


def test_somebody_else_s_name_with_another_key_is_told(case: CaseContent, tmp_path: Path) -> None:
    report = build_report([case], Options(), signer=signer(EVE, "Ann"))
    (path,) = export(report, ["json"], tmp_path, "report", key=EVE)
    found = verify_file(path, known_keys={public_hex(ANN): "Ann"})
    assert "isn't theirs" in broken(found)[0]


def test_a_signer_can_be_trusted_from_a_file(case: CaseContent, tmp_path: Path) -> None:
    (path, *_) = signed(case, tmp_path)
    trust_signer(path, "Ann")
    assert known_keys() == {public_hex(ANN): "Ann"}
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(ReportError, match="no intact signature"):
        trust_signer(path, "Eve")
    trust(public_hex(EVE), "Eve")
    assert len(known_keys()) == 2


@pytest.mark.parametrize("key", [None, ANN], ids=["sealed", "signed"])
def test_a_changed_byte_anywhere_is_caught(case: CaseContent, tmp_path: Path, key: Ed25519PrivateKey | None) -> None:
    report = build_report([case], Options(), signer=signer(key, "Ann"))
    dice = random.Random(8)
    for path in export(report, FORMATS, tmp_path, "report", key=key):
        data = path.read_bytes()
        assert verify_file(path).ok
        for position in (0, len(data) - 1, *(dice.randrange(len(data)) for _ in range(60))):
            changed = bytearray(data)
            changed[position] ^= 1 << dice.randrange(8)
            path.write_bytes(changed)
            assert not verify_file(path).ok, (path.name, position)
        middle = len(data) // 2
        for other in (data[:-1], data[1:], data + b"\n", b" " + data, data[:middle] + data[middle + 1 :], data + data):
            path.write_bytes(other)
            assert not verify_file(path).ok, path.name


def test_an_analysis_is_repeated(case: CaseContent, analysed: Analysed, rg1: Path, tmp_path: Path) -> None:
    _, analysis, _, card = analysed
    (path,) = export(build_report([case], Options()), ["json"], tmp_path, "report")
    models = {MODEL: card.weights_sha256}

    def said(again: Analysis, known: dict[str, str] = models) -> Verification:
        return verify_file(path, rg1, lambda original, stated: again, known)

    assert "gives the same" in said(analysis).as_text()
    nudged = replace(analysis, logits=(analysis.logits[0] + 0.02, analysis.logits[1]))
    assert "something else" in said(nudged).as_text()
    turned = replace(analysis, cams=np.ascontiguousarray(analysis.cams[:, ::-1]))
    assert not said(turned).ok
    assert not said(replace(analysis, cams=np.zeros((2, 3, 3), np.float32))).ok
    assert "not installed here" in said(analysis, {}).as_text()
    assert "installed" not in verify_file(path).as_text()  # nobody asked
    likelier = replace(analysis, logits=(analysis.logits[0], analysis.logits[1] + 0.005))
    assert said(likelier).ok, "within the tolerance"
    other = said(nudged, {MODEL: "0" * 64})
    assert other.ok
    assert "other weights" in other.as_text()
    assert "repeated" not in other.as_text()


def test_what_is_no_report_is_said(tmp_path: Path) -> None:
    file = tmp_path / "letter.pdf"
    file.write_bytes(b"%PDF-1.7 nothing of ours")
    assert "isn't ours" in verify_file(file).as_text()
    with pytest.raises(ReportError, match="can't be read"):
        verify_file(tmp_path / "gone.pdf")
    file.write_text(json.dumps({"seal": placeholder()}))
    file.write_bytes(seal(file.read_bytes()))
    assert "no machine-readable content" in verify_file(file).as_text()


def test_a_scope_that_was_not_checked_hides_no_scope(case: CaseContent, analysed: Analysed, tmp_path: Path) -> None:
    (path,) = export(build_report([case], Options()), ["json"], tmp_path, "report")
    stated = json.loads(path.read_text())["cases"][0]["analysis"]
    again = replace(analysed[1], scope=ScopeCheck("familiar"))
    hidden = {**stated, "scope": {"zone": "not_checked", "reasons": [], "asked_anyway": False}}
    assert agrees_with_repetition("film", hidden, again).state == "broken"
    assert agrees_with_repetition("film", hidden, again, same_maker=False).state == "holds", "made before scope was"


def test_a_report_can_t_choose_how_exactly_it_is_compared(
    case: CaseContent, analysed: Analysed, tmp_path: Path
) -> None:
    (path,) = export(build_report([case], Options()), ["json"], tmp_path, "report")
    stated = json.loads(path.read_text())["cases"][0]["analysis"]
    coarse = {**stated, "preprocessing": {**stated["preprocessing"], "precision": "bfloat16"}}
    zero, one = analysed[1].logits
    assert agrees_with_repetition("film", coarse, analysed[1]).state == "holds"
    moved = agrees_with_repetition("film", coarse, replace(analysed[1], logits=(zero - 0.05, one)))
    assert moved.state == "unknown"
    assert "precision that the report names" in moved.what
    assert agrees_with_repetition("film", stated, replace(analysed[1], logits=(zero - 0.05, one))).state == "broken"


def test_several_frames_of_one_file_are_said_not_to_be_compared(
    case: CaseContent, analysed: Analysed, rg1: Path, tmp_path: Path
) -> None:
    preprocessing = {**case.analysis["preprocessing"], "frame": 1}
    other = replace(case, title="other", analysis={**case.analysis, "preprocessing": preprocessing})
    (path,) = export(build_report([case, other], Options()), ["json"], tmp_path, "report")
    found = verify_file(path, rg1, lambda original, stated: analysed[1], {MODEL: analysed[3].weights_sha256})
    assert "several frames or corrections" in found.as_text()


def test_what_was_not_repeated_is_said(case: CaseContent, tmp_path: Path) -> None:
    (path,) = export(build_report([case], Options()), ["json"], tmp_path, "report")
    assert "without repeating the analysis" in verify_file(path).as_text()


def test_a_stream_of_a_pdf_may_end_like_a_line() -> None:
    pdf = b"<</Length 5\n>>\nstream\nabcd\r\nendstream\nendobj\n2 0 obj\n<</Length 2\n>>\nstream\n\r\n\nendstream"
    assert [body for _, body in streams(pdf)] == [b"abcd\r", b"\r\n"]
