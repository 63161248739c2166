"""What holds of an exported file, years later: bytes, signature, what it says and shows, the analysis itself."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from divisive_desktop.engine.messages import Analyse
from divisive_desktop.errors import ImageError, OutOfScopeError, ReportError, in_words
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.foreign.files import open_plain, read_whole
from divisive_desktop.foreign.parsing import read_json
from divisive_desktop.imaging import ImageRecord, open_image
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.imaging.framing import framing_of
from divisive_desktop.language import LANGUAGES
from divisive_desktop.library.card import Card
from divisive_desktop.reporting.consistency import agrees_with_itself
from divisive_desktop.reporting.content import SCHEMA
from divisive_desktop.reporting.facts import NO_ORIGINAL, facts_of_original
from divisive_desktop.reporting.finding import Finding, Verification
from divisive_desktop.reporting.form import agrees_in_form, named_as_it_is
from divisive_desktop.reporting.installed import agrees_with_card, agrees_with_repetition, card_for
from divisive_desktop.reporting.keys import trust
from divisive_desktop.reporting.maker import same_maker
from divisive_desktop.reporting.seal import check
from divisive_desktop.reporting.signature import signature
from divisive_desktop.reporting.table import is_table, stated_in_table, table_shows_content
from divisive_desktop.reporting.visible import LARGEST, page_shows_content, streams, unpacked

Recompute = Callable[[Path, Mapping[str, Any]], Analysis]
Confirm = Callable[[Mapping[str, Any]], list[Finding]]
FREE_TEXT = (
    "Compared with nothing: what the analyst wrote (conclusion, names, institution, logo, titles of identified cases), "
    "the mask's figures and SHA-256, the history and the casebook it names, which parts were left out, the day of the "
    "report, versions of Python and libraries, device and times taken, in JSON the SHA-256 of the pictures; of DICOM "
    "objects the file meta information, and what stands in place of a patient's name and number"
)
"""What only a signature, or the casebook, can vouch for."""

NOT_REPEATED = (
    "Not compared, without repeating the analysis (--original): the class maps, logits and biases themselves, whether "
    "the image is in scope and why, how it was prepared. Only what is said of them follows from them"
)
MOST_REPORT = 2 << 30
"""Bytes of a file that may be a report; volumes of fifty cases stay far below."""
ALONE = (
    "A table proves nothing by itself: it holds no class maps that its figures follow from, and whoever changes one "
    "can make the seal anew. Not one figure was compared. The JSON, PDF or HTML file of the same report holds them: "
    "check that file, and give it with --against to have every cell of this table compared"
)


def verify_file(
    path: Path,
    original: Path | None = None,
    recompute: Recompute | None = None,
    known_models: Mapping[str, str] | None = None,
    *,
    known_keys: Mapping[str, str] | None = None,
    confirm: Confirm | None = None,
    cards: Iterable[Card] = (),
    recorded: Callable[[str], bool] | None = None,
    against: Path | None = None,
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
    cards : iterable of Card
        Of the models installed here: words, error rates and limits are compared with the card of the same weights.
    recorded : callable, optional
        Given the file's SHA-256, says whether the casebook recorded it when it was exported (`Confirmer.recorded`).
    against : Path, optional
        Of a CSV table: the report in a format that holds its content. It is checked as thoroughly, then every cell.

    Raises
    ------
    ReportError
        The file can't be read.
    """
    data = read_report(path)
    sealed = check(data)
    if not sealed.found:
        return Verification((Finding("broken", f"{path.name} holds no intact seal: it was changed, or isn't ours."),))
    findings = [
        Finding("holds", f"The bytes are as they were exported (seal {sealed.digest[:16]}…).")
        if sealed.intact
        else Finding("broken", "The bytes were changed after the export.")
    ]
    findings += named_as_it_is(path.name, data)
    content = read_content(data)
    stated = stated_in_table(data) if content is None else content.get("signer")
    said, vouched = signature(sealed, stated, known_keys or {})
    findings += said
    if recorded is not None:
        if recorded(hashlib.sha256(data).hexdigest()):
            findings.append(Finding("holds", "The casebook recorded this very file when it was exported."))
            vouched = True
        else:
            what = "The casebook has no record of this very file (earlier versions of the program made none)."
            findings.append(Finding("unknown", what))
    if content is None and is_table(data):
        if against is None:
            return Verification((*findings, Finding("unknown", f"{ALONE}.")), vouched)
        whole = verify_file(
            against, original, recompute, known_models, known_keys=known_keys, confirm=confirm, cards=cards,
            recorded=recorded,
        )  # fmt: skip
        findings += (Finding(f.state, f"{against.name}: {f.what}") for f in whole.findings)
        findings += table_shows_content(data, read_content(read_report(against)), against.name)
        return Verification(tuple(findings), vouched or whole.vouched)
    if content is None:
        what = "There is no machine-readable content that can be read, as every report holds it."
        return Verification((*findings, Finding("broken", what)), vouched)
    try:
        known = _Known(original, recompute, known_models, tuple(cards), confirm, _digest(original))
        if content.get("language") not in LANGUAGES or not content["cases"]:
            raise ValueError("no case, or no known language")
        same, said = same_maker(content)
        findings += said
        findings += agrees_in_form(content, data, same_maker=same)
        findings += _cases(content, known, same)
        record, said = _opened(content, known)
        findings += said
        if record is not None:
            findings += facts_of_original(content, record, same_maker=same)
        else:
            findings.append(Finding("unknown", f"{NO_ORIGINAL}."))
        if sealed.intact:  # the pages of other bytes than the exported ones prove nothing
            findings += _shown(data, content, same, record)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as e:
        # Nothing of ours writes such content; whoever changed it broke its form, too.
        findings.append(Finding("broken", f"The content doesn't have the form of a report ({type(e).__name__})."))
    if recompute is None or original is None:
        findings.append(Finding("unknown", f"{NOT_REPEATED}."))
    if not vouched:
        findings.append(Finding("unknown", f"{FREE_TEXT}."))
    return Verification(tuple(findings), vouched)


@dataclass(frozen=True)
class _Known:
    """What there is here to compare a report with."""

    original: Path | None
    recompute: Recompute | None
    models: Mapping[str, str] | None
    cards: tuple[Card, ...]
    confirm: Confirm | None
    digest: str | None
    """SHA-256 of the original."""


def _opened(content: Mapping[str, Any], known: _Known) -> tuple[ImageRecord | None, list[Finding]]:
    """The original as it was analysed, where it is an image of this report."""
    recipes = [c["analysis"]["preprocessing"] for c in content["cases"] if c["image"]["sha256"] == known.digest]
    if not recipes or known.original is None:
        return None, []
    recipe = recipes[0]
    if len({(int(r.get("frame", 0)), str(r.get("correction"))) for r in recipes}) > 1:
        return None, [Finding("unknown", f"{known.original.name} is shown in several frames or corrections: facts and "
                              "pictures weren't compared with it.")]  # fmt: skip
    try:
        return open_image(
            known.original, int(recipe.get("frame", 0)), Correction.parse(recipe.get("correction"))
        ), []
    except ImageError as e:
        return None, [Finding("unknown", f"{known.original.name} can't be opened here: {e.message}")]


def _cases(content: Mapping[str, Any], known: _Known, same_maker: bool) -> list[Finding]:
    """What holds of each case of a report."""
    findings: list[Finding] = []
    original, digest = known.original, known.digest
    cases = content["cases"]
    if digest is not None and original is not None and digest not in [c["image"]["sha256"] for c in cases]:
        findings.append(Finding("broken", f"{original.name} is not an image of this report: its SHA-256 differs."))
    for case in cases:
        if case["analysis"]["sha256"] != case["image"]["sha256"]:
            findings.append(Finding("broken", f"{case['title']}: the analysis is of another image than the report."))
        findings += agrees_with_itself(case, content["language"], same_maker=same_maker)
        card = card_for(case["analysis"]["model"], known.cards)
        if card is not None:
            findings += agrees_with_card(case, card, content["language"], same_maker=same_maker)
        own = original if digest == case["image"]["sha256"] else None
        findings += _installed(case, own, known, same_maker)
        findings += known.confirm(case) if known.confirm is not None else ()
    return findings


def _shown(
    data: bytes, content: Mapping[str, Any], same_maker: bool, record: ImageRecord | None
) -> list[Finding]:
    """What holds of what people see of the file."""
    if data[128:132] != b"DICM":
        return page_shows_content(data, content, same_maker=same_maker, record=record)
    from divisive_desktop.reporting.visible_dicom import object_shows_content

    return object_shows_content(data, content, same_maker=same_maker, record=record)


def analysed_again(original: Path, analysis: Mapping[str, Any]) -> Analyse:
    """What to ask an engine for the analysis of a report: same frame, same model, same part of the picture."""
    recipe, scope = analysis["preprocessing"], analysis.get("scope") or {}
    framing, region = framing_of(recipe), recipe.get("region")
    return Analyse(
        str(original), int(recipe.get("frame", 0)), analysis["model"]["id"], framing=framing,
        crop=tuple(region) if framing is None and region else None,
        correction=Correction.parse(recipe.get("correction")), ask_anyway=scope.get("asked_anyway") is True,
    )  # fmt: skip


def read_content(data: bytes) -> dict[str, Any] | None:
    """The machine-readable content of an exported PDF, HTML, JSON or DICOM file; None where there is none."""
    if data[128:132] == b"DICM":
        from divisive_desktop.reporting.dicom_export import embedded_content

        try:
            content = embedded_content(data)
        except Exception:  # noqa: BLE001 - pydicom raises anything on damaged bytes; the seal says that they were changed
            return None
        return None if content is None else _json(content)
    if data.startswith(b"%PDF"):
        for _, body in streams(data):
            text = unpacked(body) or body
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
    sealed = check(read_report(path))
    if not (sealed.found and sealed.intact and sealed.signature_valid):
        raise ReportError(
            f"{path.name} carries no intact signature, so there is no key to trust.", "Ask for the original file."
        )
    trust(sealed.public_key, name)


def read_report(path: Path) -> bytes:
    """The file of a report; raises ``ReportError`` where it can't be read or isn't a plain file."""
    try:
        return read_whole(path, MOST_REPORT)
    except OSError as e:
        raise ReportError(f"{path} can't be read: {in_words(e)}.", "Check its name and permissions.") from e


def _digest(original: Path | None) -> str | None:
    if original is None:
        return None
    try:
        with open_plain(original) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as e:
        raise ReportError(f"{original} can't be read: {in_words(e)}.", "Check its name and permissions.") from e


def _json(text: bytes) -> dict[str, Any] | None:
    try:
        document = read_json(text, most_bytes=LARGEST)
    except ValueError:
        return None
    return document if isinstance(document, dict) and document.get("schema") == SCHEMA else None


def _installed(
    case: Mapping[str, Any], original: Path | None, known: _Known, same_maker: bool
) -> list[Finding]:
    """A case against the model and the original, as far as they are here."""
    title, analysis = case["title"], case["analysis"]
    findings = []
    model = analysis["model"]
    installed = (known.models or {}).get(model["id"])
    if installed is None and known.models is not None:
        findings.append(
            Finding("unknown", f"{title}: the model {model['id']} is not installed here, so words and error rates "
                    "can't be compared with its card.")
        )  # fmt: skip
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
    if known.recompute is not None and installed == model["weights_sha256"]:
        try:
            again = known.recompute(original, analysis)
        except OutOfScopeError:
            findings.append(
                Finding("broken", f"{title}: asked again, the model gives no answer: the image is out of its scope.")
            )
        else:
            findings.append(agrees_with_repetition(title, analysis, again, same_maker=same_maker))
    return findings
