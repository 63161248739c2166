"""What holds of an exported file, years later: its bytes, its signature, the original image, the analysis itself."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from divisive_desktop.errors import ReportError
from divisive_desktop.reporting.content import SCHEMA
from divisive_desktop.reporting.seal import check

State = Literal["holds", "broken", "unknown"]
TOLERANCE = 1e-2
"""Largest difference of a logit when an analysis is recomputed on another machine or device."""


@dataclass(frozen=True)
class Finding:
    """One statement about a file."""

    state: State
    what: str


@dataclass(frozen=True)
class Verification:
    """All that could be checked."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Nothing is broken, and the seal at least was there to check."""
        return bool(self.findings) and all(f.state != "broken" for f in self.findings)

    def as_text(self) -> str:
        mark = {"holds": "  holds   ", "broken": "  BROKEN  ", "unknown": "  unknown "}
        return "\n".join(mark[f.state] + f.what for f in self.findings)


def verify_file(
    path: Path,
    original: Path | None = None,
    recompute: Callable[[Path, Mapping[str, Any]], tuple[float, float]] | None = None,
    known_models: Mapping[str, str] | None = None,
) -> Verification:
    """Check an exported PDF, HTML, JSON, CSV or DICOM file.

    Parameters
    ----------
    original : Path, optional
        The image that the report is about; its SHA-256 is compared.
    recompute : callable, optional
        Given the original and the analysis in the report, gives the logits that the same model finds today.
    known_models : mapping, optional
        Model id -> SHA-256 of the weights installed here.

    Raises
    ------
    ReportError
        The file can't be read.
    """
    try:
        data = path.read_bytes()
    except OSError as e:
        raise ReportError(f"{path} can't be read: {e.strerror}.", "Check its name and permissions.") from e
    sealed = check(data)
    if not sealed.found:
        return Verification((Finding("broken", f"{path.name} holds no intact seal: it was changed, or isn't ours."),))
    findings = [
        Finding("holds", f"The bytes are as they were exported (seal {sealed.digest[:16]}…).")
        if sealed.intact
        else Finding("broken", "The bytes were changed after the export.")
    ]
    if sealed.signed:
        findings.append(
            Finding("holds", f"Signed with the key {sealed.public_key[:16]}… (compare it with the signer's).")
            if sealed.signature_valid
            else Finding("broken", "The signature does not belong to these bytes.")
        )
    else:
        findings.append(Finding("unknown", "Not signed: a forger could have made the seal anew."))
    content = read_content(data)
    if content is None:
        findings.append(Finding("unknown", "This format carries no machine-readable content to check further."))
        return Verification(tuple(findings))
    digest = None if original is None else _digest(original)
    cases = content.get("cases", [])
    if digest is not None and original is not None and digest not in [c["image"]["sha256"] for c in cases]:
        findings.append(Finding("broken", f"{original.name} is not an image of this report: its SHA-256 differs."))
    for case in cases:
        own = original if digest == case["image"]["sha256"] else None
        findings += _case(case, own, recompute, known_models or {})
    return Verification(tuple(findings))


def read_content(data: bytes) -> dict[str, Any] | None:
    """The machine-readable content of an exported PDF, HTML, JSON or DICOM file; None where there is none."""
    if data[128:132] == b"DICM":
        from divisive_desktop.reporting.dicom_export import embedded_content

        content = embedded_content(data)
        return None if content is None else _json(content)
    if data.startswith(b"%PDF"):
        for match in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL):
            body = match.group(1)
            try:
                text = zlib.decompress(body)
            except zlib.error:
                text = body
            if SCHEMA.encode() in text:
                return _json(text)
        return None
    embedded = re.search(rb'<script type="application/json" id="report">(.*?)</script>', data, re.DOTALL)
    return _json(embedded.group(1)) if embedded else _json(data)


def _digest(original: Path) -> str:
    try:
        with original.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as e:
        raise ReportError(f"{original} can't be read: {e.strerror}.", "Check its name and permissions.") from e


def _json(text: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) and document.get("schema") == SCHEMA else None


def _case(
    case: Mapping[str, Any],
    original: Path | None,
    recompute: Callable[[Path, Mapping[str, Any]], tuple[float, float]] | None,
    known_models: Mapping[str, str],
) -> list[Finding]:
    title, analysis = case["title"], case["analysis"]
    findings = [_logits(title, analysis)]
    model = analysis["model"]
    if model["id"] in known_models:
        same = known_models[model["id"]] == model["weights_sha256"]
        findings.append(
            Finding("holds", f"{title}: the model {model['id']} installed here has the same weights.")
            if same
            else Finding("unknown", f"{title}: the model {model['id']} installed here has other weights.")
        )
    if original is None:
        return findings
    findings.append(Finding("holds", f"{title}: {original.name} is the image of this report (SHA-256)."))
    if recompute is not None and known_models.get(model["id"]) == model["weights_sha256"]:
        logits = recompute(original, analysis)
        worst = max(abs(a - b) for a, b in zip(logits, analysis["logits"], strict=True))
        findings.append(
            Finding("holds", f"{title}: the analysis was repeated; the logits differ by {worst:.1e} at most.")
            if worst <= TOLERANCE
            else Finding("broken", f"{title}: the analysis was repeated and gives other logits (by {worst:.3f}).")
        )
    return findings


def _logits(title: str, analysis: Mapping[str, Any]) -> Finding:
    """The identity of the method: the divergence map's mean and the biases give the difference of the logits."""
    cam, t = analysis["cam"], analysis["true_class"]
    cells = [(a, b) for ra, rb in zip(cam["true"], cam["false"], strict=True) for a, b in zip(ra, rb, strict=True)]
    mean = sum(a - b for a, b in cells) / len(cells)
    bias = analysis.get("bias")
    if bias is None:
        return Finding("unknown", f"{title}: the content states no biases; map and logits can't be compared.")
    difference = analysis["logits"][t] - analysis["logits"][1 - t]
    error = abs(mean + bias[t] - bias[1 - t] - difference)
    if error <= 1e-3 * max(1.0, abs(difference)):
        return Finding("holds", f"{title}: the class maps and the logits agree.")
    return Finding("broken", f"{title}: the class maps and the logits contradict each other.")
