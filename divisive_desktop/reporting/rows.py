"""The lines and table rows of a report in the user's language: one wording for PDF and HTML."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from divisive_desktop.casebook.storage.chain import short
from divisive_desktop.explanation.figure_words import figure, rarer
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.imaging.framing import framing_of
from divisive_desktop.language import NBSP, capitalised, card_words, number, term, text
from divisive_desktop.reporting.content import CaseContent, Report
from divisive_desktop.reporting.keys import fingerprint

Rows = list[tuple[str, str]]
SHOWN_FEATURES = 8
SHOWN_ACTS = 5


class Wording:
    """Words of one report."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def say(self, key: str, **values: object) -> str:
        """A text of the report's language with its values."""
        return text(self._report.language, key, **values)

    def term(self, name: str) -> str:
        """A question or the name of a class."""
        return term(self._report.language, name)

    def number(self, value: float, digits: int = 2, *, sign: bool = False) -> str:
        return number(self._report.language, value, digits, sign=sign)

    def whole(self, value: float) -> str:
        """A whole number in groups of three, with a space that doesn't break."""
        return f"{value:,.0f}".replace(",", NBSP)

    # ---- the answer ---------------------------------------------------------------------------------

    def caption(self, case: CaseContent, picture: str) -> str:
        """What a picture shows."""
        if picture == "true":
            name = self.term(case.classes[case.true_class])
            return self.say(f"caption_true_{case.true_class_source}", name=name)
        if picture == "false":
            return self.say("caption_false", name=self.term(case.classes[1 - case.true_class]))
        if picture == "image" and case.cropped:
            return self.say("caption_region")
        return self.say(f"caption_{picture}")

    def answer(self, case: CaseContent) -> str:
        """Answer, probability and whose answer, as a sentence."""
        return f"{capitalised(case.statement.line)}."

    def threshold(self, case: CaseContent) -> tuple[float, str] | None:
        """Where the model's threshold lies on the scale of the probability, 0..1, and what it is called; None: there is
        none, or the report is of an earlier version, which didn't keep it."""
        decision = case.analysis.get("decision")
        if not isinstance(decision, Mapping) or not isinstance(decision.get("threshold"), int | float):
            return None
        if not decision["threshold"] and decision.get("state") != "measured":  # the card names none
            return None
        at = 1 / (1 + math.exp(-decision["threshold"]))
        value = self.number(at)
        return at, self.say("threshold", value=value.lstrip("0") if self._report.language == "en" else value)

    def pictures(self, case: CaseContent) -> str:
        """The heading above the pictures: what decided, where anything did."""
        return self.say("pictures" if case.statement.answer_class else "pictures_undecided")

    def held_true(self, case: CaseContent) -> str:
        """Which class is held true, and why."""
        return self.say(f"held_true_{case.true_class_source}", name=self.term(case.classes[case.true_class]))

    def overview_row(self, index: int, case: CaseContent) -> tuple[str, ...]:
        """Number, case, answer, probability, whose answer, label, hash: a line of the summary."""
        labelled = case.true_class_source == "label"
        return (
            str(self._report.first_number + index),
            case.title,
            case.statement.words,
            case.statement.brief.chance,
            case.statement.version,
            self.term(case.classes[case.true_class]) if labelled else "–",
            case.image.sha256[:12],
        )

    def overview_head(self) -> tuple[str, ...]:
        say = self.say
        return "#", say("case"), say("answer"), "P", say("answered_by"), say("label_column"), say("sha256")

    def versions(self) -> str:
        """Whose answers these are; of several versions said plainly, so that they aren't read as one's."""
        found = list(dict.fromkeys(case.statement.version for case in self._report.cases))
        key = "models_one" if len(found) == 1 else "models_several"
        return self.say(key, version=found[0], versions=", ".join(found))

    # ---- pictures -----------------------------------------------------------------------------------

    def raw_range(self, case: CaseContent) -> tuple[float, float]:
        """Lowest and highest raw value of the pair."""
        cam = case.analysis["cam"]
        values = [v for cells in (cam["true"], cam["false"]) for row in cells for v in row]
        return min(values), max(values)

    def largest_divergence(self, case: CaseContent) -> float:
        """max |D|."""
        cam = case.analysis["cam"]
        pairs = zip(cam["true"], cam["false"], strict=True)
        return max(float(abs(a - b)) for ra, rb in pairs for a, b in zip(ra, rb, strict=True))

    def scale_note(self, case: CaseContent) -> str:
        """Raw range of the pair, size of a cell, scale bar, and whether pictures are compressed."""
        low, high = self.raw_range(case)
        h, w = case.analysis["cam"]["shape"]
        region = case.analysis["preprocessing"].get("region") or (0, 0, case.image.width, case.image.height)
        cell = f"{region[2] / w:.0f} × {region[3] / h:.0f}"
        notes = [self.say("scale_note", low=self.number(low), high=self.number(high), h=h, w=w, cell=cell)]
        if case.scale_bar_mm:
            basis = self.spacing(case)
            notes.append(self.say("scale_bar", mm=f"{case.scale_bar_mm:g}", basis=basis))
        if next(iter(case.pictures.values()), b"").startswith(b"\xff\xd8"):
            notes.append(self.say("pictures_reduced"))
        return " ".join(notes)

    def mended(self, case: CaseContent) -> str:
        """What the analyst corrected about the picture before anything looked at it; '' for nothing."""
        names = Correction.parse(case.analysis["preprocessing"].get("correction")).names
        return ", ".join(self.say(f"mend_{name}") for name in names)

    # ---- tables -------------------------------------------------------------------------------------

    def feature_rows(self, case: CaseContent) -> list[tuple[str, ...]]:
        """Rank, class, share, area, position, size of the most important features.

        Square millimetres only where they hold in the patient, as with the scale bar.
        """
        true_mm = (case.image.spacing or {}).get("calibration") in ("patient", "calibrated")
        rows: list[tuple[str, ...]] = []
        for f in case.analysis["features"][:SHOWN_FEATURES]:
            name = case.classes[case.true_class if f["favours"] == "true" else 1 - case.true_class]
            x, y, w, h = f["box"]
            area = f"{self.whole(f['area_px'])} px"
            if true_mm and f["area_mm2"] is not None:
                area += f" / {self.whole(f['area_mm2'])} mm²"
            share = f"{100 * f['share']:.0f}{NBSP}%"
            rows.append((str(f["rank"]), self.term(name), share, area, f"{x}, {y}", f"{w} × {h}"))
        return rows

    def mask_rows(self, case: CaseContent) -> Rows:
        """How the analyst's mask and the divergence map agree."""
        m = case.mask
        if m is None:
            return []
        rows = [(self.say("mask_area"), f"{self.number(100 * m.area_share, 1)}{NBSP}%")]
        if m.energy_inside is not None:
            rows.append((self.say("energy_inside"), self.number(m.energy_inside)))
        if m.pointing_hit is not None:
            rows.append((self.say("pointing"), self.say("yes" if m.pointing_hit else "no")))
        if m.iou is not None:
            rows.append((self.say("iou"), self.number(m.iou)))
        return [*rows, (self.say("sha256"), m.sha256)]

    def before_after_rows(self, case: CaseContent) -> list[tuple[str, ...]]:
        """Measure, before, after, difference: what fine-tuning changed, decimals as the language writes them."""
        rows = (case.before_after or {}).get("rows", ())
        written = [tuple(str(cell) for cell in row) for row in rows]
        if self._report.language != "de":
            return written
        return [(row[0], *(re.sub(r"(?<=\d)\.(?=\d)", ",", cell) for cell in row[1:])) for row in written]

    def provenance_rows(self, case: CaseContent) -> Rows:
        """Where every number comes from."""
        image, a, made_by = case.image, case.analysis, self._report.generator
        facts = [f"{image.width} × {image.height}", f"{image.bits_stored} bit", image.photometric]
        facts += [image.transfer_syntax] if image.transfer_syntax else []
        facts += [self.say("lossy")] if image.lossy else []
        libraries = ", ".join(f"{name} {version}" for name, version in sorted(made_by["libraries"].items()))
        return [
            (self.say("file"), f"{image.name}, {self.whole(image.size_bytes)} bytes"),
            (self.say("sha256"), f"{image.sha256} – {self.say('original_hash')}"),
            (self.say("image_properties"), ", ".join(facts)),
            (self.say("pixel_spacing"), self.spacing(case)),
            (self.say("model"), f"{a['model']['id']}, {self.say('version')} {a['model']['version']}"),
            (self.say("weights_hash"), a["model"]["weights_sha256"]),
            (self.say("method"), a["model"]["method"]),
            *self._part(case),
            *([(self.say("corrected_by"), self.mended(case))] if self.mended(case) else []),
            (self.say("preprocessing"), self._recipe(a["preprocessing"])),
            (self.say("logits"), "; ".join(self.number(v, 3, sign=True) for v in a["logits"])),
            (self.say("device"), a["device"]),
            (
                self.say("software"),
                f"{made_by['name']} {made_by['version']}, Python {made_by['python']}, {libraries}",
            ),
        ]

    def _recipe(self, recipe: Mapping[str, Any]) -> str:
        """Every parameter between file and network."""
        parts = []
        for key, value in sorted(recipe.items()):
            name = self.term(f"recipe {key}").removeprefix("recipe ")
            if isinstance(value, bool):
                shown = self.say("yes" if value else "no")
            elif isinstance(value, float):
                shown = f"{value:g}".replace(".", "," if self._report.language == "de" else ".")
            else:
                shown = self.term(_short(value))
            parts.append(f"{name} {shown}")
        return ", ".join(parts)

    def _part(self, case: CaseContent) -> Rows:
        """What part of the image was analysed, and who chose it; nothing where nobody did."""
        framing = framing_of(case.analysis["preprocessing"])
        if framing is None:
            return []
        kind: str = framing.how
        if kind == "detected":
            kind = "uncut" if framing.crop is None else "only" if len(framing.found) == 1 else "largest"
        if framing.kind == "iris" and kind in ("uncut", "only", "largest", "picked"):
            kind = "iris_uncut" if framing.crop is None else "iris"
        number = (framing.chosen or 0) + 1
        words = [self.say(f"part_{kind}", n=len(framing.found), number=number)]
        if framing.crop is not None:
            x, y, width, height = framing.crop
            words.append(f"{width} × {height} px @ {x}, {y}")
        if framing.detector is not None:
            d = framing.detector
            words.append(f"{d.name} ({d.version}, {d.licence}, SHA-256 {d.weights_sha256[:12]}…)")
        return [(self.say("part"), "; ".join(words))]

    def error_rows(self, case: CaseContent) -> Rows:
        """Known error rates by data set."""
        return [(self._set_name(name, figures), self._figures(figures)) for name, figures in case.error_rates]

    def _set_name(self, name: str, figures: Mapping[str, Any]) -> str:
        """What a data set is called: a test set by where it is from."""
        n = figures.get("images")
        if figures.get("source"):
            key = "set_of_own" if figures["own"] else "set_of_other"
            return self.say(key, source=self.term(figures["source"]), n=n)
        kind = "open" if name.startswith("open") or name.endswith("open") else name
        key = f"set_{kind}" if kind in ("val", "test", "open", "holdout") else ""
        shown = self.say(key) if key else name
        return self.say("set_images", name=shown, n=n) if n else shown

    def _figures(self, figures: Mapping[str, Any]) -> str:
        names = {
            "coverage": self.say("metric_coverage"), "decided": self.say("metric_decided"),
            "right": self.say("metric_right"), "sensitivity": self.say("metric_sensitivity"),
            "specificity": self.say("metric_specificity"), "auroc": "AUROC", "apcer": "APCER", "bpcer": "BPCER",
            "ece": self.say("metric_ece"), "border_only_auroc": self.say("metric_border"),
        }  # fmt: skip
        parts = []
        for key, shown in names.items():
            if key not in figures:
                continue
            value, between, n = figures[key], figures.get(f"{key}_95"), figures.get(f"{key}_n")
            if n is not None and between is not None and key != "auroc":
                percents = (f"{100 * v:.0f}" for v in (value, *between))
                said = self.say("share_of", n=n, **dict(zip(("value", "low", "high"), percents, strict=True)))
            else:
                few = rarer(figures.get("images"), figures.get("positives")) if key == "auroc" else None
                said = figure(self._report.language, value, between, few)
            if key in ("sensitivity", "specificity") and "source" not in figures:  # a test set's are at the threshold
                shown = self.say("at_even_odds", name=shown)
            parts.append(f"{shown} {said}")
        return ", ".join(parts)

    def model_rows(self, case: CaseContent) -> Rows:
        """What the model is for, what it was trained on, how it is calibrated, whom its data come from."""
        m = case.model
        rows = [
            (self.say("intended_use"), card_words(self._report.language, str(m["intended_use"]))),
            (self.say("training_data"), card_words(self._report.language, str(m["trained_on"]))),
            (self.say("parent"), str(m["parent"] or "")),
            (self.say("calibration"), self._calibration(m.get("calibration", {}))),
            (self.say("card_hash"), str(m.get("card_sha256", ""))),
        ]
        return [row for row in rows if row[1]]

    def limits(self, case: CaseContent) -> tuple[str, ...]:
        """What the card says of the model's limits."""
        return tuple(card_words(self._report.language, limit) for limit in case.model_limits)

    def attribution(self, case: CaseContent) -> str:
        """Whom the model's data and weights come from, and on what terms."""
        terms = card_words(self._report.language, case.model.get("data_terms", ""))
        said = " ".join(part for part in (*case.model["attribution"], terms) if part)  # what is cited stays as it is
        return f"{self.say('attribution')}: {said}" if said else ""

    def audit_rows(self, case: CaseContent) -> tuple[list[tuple[str, str, str]], str]:
        """The newest acts, and what to say about those left out ('' when none are)."""
        rows = []
        for act in case.audit[-SHOWN_ACTS:]:
            what = str(act.get("what") or act.get("act", ""))
            if act.get("times", 1) > 1:
                what = self.say("times", what=what, n=act["times"])
            rows.append((str(act.get("time", "")), str(act.get("user", "")), what))
        hidden = len(case.audit) - len(rows)
        return rows, self.say("audit_more", n=hidden) if hidden else ""

    def anchor(self, case: CaseContent) -> str:
        """Which casebook and which end of its chain; '' for an image that is in none."""
        c = case.casebook
        if c is None:
            return ""
        return self.say(
            "audit_anchor", identity=c["identity"], case=c["case"], length=c["chain_length"], head=c["chain_head"]
        )

    def chain_codes(self) -> str:
        """The end of each casebook's chain when the report was made, as a code to compare; '' for images in none."""
        ends = {c["identity"]: c for case in self._report.cases if (c := case.casebook) is not None}
        return " ".join(
            self.say("chain_code", identity=c["identity"], length=c["chain_length"], code=short(c["chain_head"]))
            for c in ends.values()
        )

    def signature_note(self) -> str:
        """Whether the file is signed, and with whose key."""
        signer = self._report.signer
        if signer is None:
            return self.say("not_signed")
        key = fingerprint(signer["public_key"])
        return self.say("signed_by", fingerprint=key, name=signer["name"]) if signer["name"] else self.say(
            "signed_by_unnamed", fingerprint=key
        )

    def left_out(self) -> str:
        """What was left out on the user's wish; '' when nothing was."""
        names = [self.say(f"section_{name}") for name in self._report.sections]
        return self.say("sections_left_out", names=", ".join(names)) if names else ""

    def spacing(self, case: CaseContent) -> str:
        """Millimetres of a pixel and what they refer to."""
        spacing = case.image.spacing
        if spacing is None:
            return self.say("spacing_unknown")
        kind = spacing["calibration"]
        key = "spacing_basis_unknown" if kind == "unknown" else f"spacing_{kind}"
        row, column = (self.number(spacing[name], 3) for name in ("row_mm", "column_mm"))
        return self.say(key, row=row, column=column, source=spacing["source"])

    def _calibration(self, known: Mapping[str, Any]) -> str:
        if "temperature" not in known:
            return ""
        shown = {k: self.number(known[k]) if isinstance(known.get(k), int | float) else "–" for k in
                 ("temperature", "ece_before", "ece_after")}  # fmt: skip
        return self.say(
            "calibration_words", temperature=shown["temperature"],
            split=self.say("set_val") if known.get("split") == "val" else known.get("split", "–"),
            before=shown["ece_before"], after=shown["ece_after"],
        )  # fmt: skip


def _short(value: object) -> str:
    if isinstance(value, Mapping):  # the whole of it is in report.json
        return str(value.get("how", "…"))
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_short(v) for v in value) + "]"
    return str(value)
