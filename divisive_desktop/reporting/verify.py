"""What holds of an exported file, years later: its bytes, its signature, the original image, the analysis itself."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from divisive_desktop.engine.messages import Analyse
from divisive_desktop.errors import ReportError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.imaging.faces import framing_of
from divisive_desktop.reporting.content import SCHEMA
from divisive_desktop.reporting.keys import fingerprint, trust
from divisive_desktop.reporting.seal import SealCheck, check

State = Literal["holds", "broken", "unknown"]
TOLERANCE = 1e-2
"""Largest difference of a logit when an analysis is recomputed on another machine or device; of a cell of a class map
the same share of the largest one. Ten times as much where the analysis was made in bfloat16 or float16."""
_KEY = re.compile(r"[0-9a-f]{64}")
Recompute = Callable[[Path, Mapping[str, Any]], Analysis]


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
    recompute: Recompute | None = None,
    known_models: Mapping[str, str] | None = None,
    *,
    known_keys: Mapping[str, str] | None = None,
    confirm: Callable[[Mapping[str, Any]], list[Finding]] | None = None,
) -> Verification:
    """Check an exported PDF, HTML, JSON, CSV or DICOM file.

    Parameters
    ----------
    original : Path, optional
        The image that the report is about; its SHA-256 is compared.
    recompute : callable, optional
        Given the original and the analysis in the report, gives what the same model finds today.
    known_models : mapping, optional
        Model id -> SHA-256 of the weights installed here.
    known_keys : mapping, optional
        Public key (hex) -> whose it is.
    confirm : callable, optional
        Given a case of the report, says what the casebook it comes from knows (`reporting.confirm.Confirmer`).

    Raises
    ------
    ReportError
        The file can't be read.
    """
    data = _read(path)
    sealed = check(data)
    if not sealed.found:
        return Verification((Finding("broken", f"{path.name} holds no intact seal: it was changed, or isn't ours."),))
    findings = [
        Finding("holds", f"The bytes are as they were exported (seal {sealed.digest[:16]}…).")
        if sealed.intact
        else Finding("broken", "The bytes were changed after the export.")
    ]
    content = read_content(data)
    stated = _stated_in_table(data) if content is None else content.get("signer")
    findings += _signature(sealed, stated if isinstance(stated, dict) else {}, known_keys or {})
    if content is None:
        findings.append(Finding("unknown", "This format carries no machine-readable content to check further."))
        return Verification(tuple(findings))
    try:
        findings += _cases(content, original, recompute, known_models, confirm)
    except (LookupError, TypeError, ValueError, AttributeError) as e:
        # Nothing of ours writes such content; whoever changed it broke its form, too.
        findings.append(Finding("broken", f"The content doesn't have the form of a report ({type(e).__name__})."))
    return Verification(tuple(findings))


def _cases(
    content: Mapping[str, Any],
    original: Path | None,
    recompute: Recompute | None,
    known_models: Mapping[str, str] | None,
    confirm: Callable[[Mapping[str, Any]], list[Finding]] | None,
) -> list[Finding]:
    """What holds of each case of a report."""
    findings: list[Finding] = []
    digest = None if original is None else _digest(original)
    cases = content["cases"]
    if digest is not None and original is not None and digest not in [c["image"]["sha256"] for c in cases]:
        findings.append(Finding("broken", f"{original.name} is not an image of this report: its SHA-256 differs."))
    for case in cases:
        own = original if digest == case["image"]["sha256"] else None
        findings += _case(case, own, recompute, known_models)
        findings += confirm(case) if confirm is not None else ()
    return findings


def analysed_again(original: Path, analysis: Mapping[str, Any]) -> Analyse:
    """What to ask an engine for the analysis of a report: same frame, same model, same part of the picture."""
    recipe = analysis["preprocessing"]
    framing, region = framing_of(recipe), recipe.get("region")
    return Analyse(
        str(original), int(recipe.get("frame", 0)), analysis["model"]["id"], framing=framing,
        crop=tuple(region) if framing is None and region else None,
    )  # fmt: skip


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


def trust_signer(path: Path, name: str) -> None:
    """Remember that the key that signed this file belongs to ``name``.

    Raises
    ------
    ReportError
        The file isn't signed, or isn't as it was signed.
    """
    sealed = check(_read(path))
    if not (sealed.found and sealed.intact and sealed.signature_valid):
        raise ReportError(
            f"{path.name} carries no intact signature, so there is no key to trust.", "Ask for the original file."
        )
    trust(sealed.public_key, name)


def _signature(sealed: SealCheck, stated: Mapping[str, str], known: Mapping[str, str]) -> list[Finding]:
    """Who signed the bytes, and whether that is who the content says."""
    claimed, name = str(stated.get("public_key", "")), str(stated.get("name", ""))
    if not sealed.signed:
        if claimed:
            return [Finding("broken", "The content says that it is signed, but the signature was taken away.")]
        return [Finding("unknown", "Not signed: a forger could have made the seal anew.")]
    if not sealed.signature_valid:
        return [Finding("broken", "The signature does not belong to these bytes.")]
    key = fingerprint(sealed.public_key)
    if claimed not in ("", sealed.public_key):
        other = fingerprint(claimed) if _KEY.fullmatch(claimed) else "of another"
        return [Finding("broken", f"Signed with the key {key}, but the content says that it is the key {other}.")]
    if sealed.public_key in known:
        return [Finding("holds", f"Signed by {known[sealed.public_key]} (key {key}).")]
    if name and name in known.values():
        return [Finding("broken", f"Signed in the name of {name}, but with the key {key}, which isn't theirs.")]
    by = f", which says it is {name}'s" if name else ""
    return [
        Finding("holds", f"The signature with the key {key} belongs to these bytes."),
        Finding("unknown", f"Nobody has introduced the key {key} here{by}: compare it with its owner's, then --trust."),
    ]


def _stated_in_table(data: bytes) -> dict[str, str]:
    """Who signs, as a CSV table states it; nothing for other files."""
    try:
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error):
        return {}
    key = (rows[0].get("signer_key") or "") if rows else ""
    return {"public_key": key, "name": str(rows[0].get("signer") or "")} if _KEY.fullmatch(key) else {}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise ReportError(f"{path} can't be read: {e.strerror}.", "Check its name and permissions.") from e


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
    recompute: Recompute | None,
    known_models: Mapping[str, str] | None,
) -> list[Finding]:
    title, analysis = case["title"], case["analysis"]
    findings = [_logits(title, analysis)]
    model = analysis["model"]
    installed = (known_models or {}).get(model["id"])
    if installed is None and known_models is not None:
        findings.append(Finding("unknown", f"{title}: the model {model['id']} is not installed here."))
    if installed is not None:
        same = installed == model["weights_sha256"]
        findings.append(
            Finding("holds", f"{title}: the model {model['id']} installed here has the same weights.")
            if same
            else Finding("unknown", f"{title}: the model {model['id']} installed here has other weights.")
        )
    if original is None:
        return findings
    findings.append(Finding("holds", f"{title}: {original.name} is the image of this report (SHA-256)."))
    if recompute is not None and installed == model["weights_sha256"]:
        findings.append(_repeated(title, analysis, recompute(original, analysis)))
    return findings


def _repeated(title: str, stated: Mapping[str, Any], again: Analysis) -> Finding:
    """The analysis in the report against the same one made today."""
    tolerance = TOLERANCE if stated["preprocessing"].get("precision", "float32") == "float32" else 10 * TOLERANCE
    t = stated["true_class"]
    before, now = np.array([stated["cam"]["true"], stated["cam"]["false"]]), again.cams[[t, 1 - t]]
    logits = max(abs(a - b) for a, b in zip(again.logits, stated["logits"], strict=True))
    if before.shape != now.shape:
        return Finding("broken", f"{title}: the analysis was repeated and gives class maps of another size.")
    cells, largest = float(np.abs(before - now).max()), max(1.0, float(np.abs(before).max()))
    by = f"logits by {logits:.1e}, cells of the class maps by {cells:.1e} at most"
    if logits <= tolerance and cells <= tolerance * largest:
        return Finding("holds", f"{title}: the analysis was repeated and gives the same ({by}).")
    return Finding("broken", f"{title}: the analysis was repeated and gives something else ({by}).")


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
