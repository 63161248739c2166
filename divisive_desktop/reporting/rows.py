"""The lines and table rows of a report in the user's language: one wording for PDF and HTML."""

from __future__ import annotations

from divisive_desktop.reporting.content import CaseContent, Report
from divisive_desktop.reporting.words import text

Rows = list[tuple[str, str]]
SHOWN_FEATURES = 8


class Wording:
    """Words of one report."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def say(self, key: str, **values: object) -> str:
        """A text of the report's language with its values."""
        return text(self._report.language, key, **values)

    def caption(self, case: CaseContent, picture: str) -> str:
        """What a picture shows."""
        if picture == "true":
            return self.say(f"caption_true_{case.true_class_source}", name=case.classes[case.true_class])
        if picture == "false":
            return self.say("caption_false", name=case.classes[1 - case.true_class])
        return self.say(f"caption_{picture}")

    def scale_note(self, case: CaseContent) -> str:
        """Raw range of the pair and size of a cell."""
        cam = case.analysis["cam"]
        values = [v for cells in (cam["true"], cam["false"]) for row in cells for v in row]
        h, w = cam["shape"]
        region = case.analysis["preprocessing"].get("region") or (0, 0, case.image.width, case.image.height)
        cell = f"{region[2] / w:.0f} × {region[3] / h:.0f}"
        return self.say("scale_note", low=min(values), high=max(values), h=h, w=w, cell=cell)

    def probability(self, case: CaseContent) -> str:
        """Number, interval and what the interval rests on."""
        v = case.verdict
        line = f"{self.say('probability', positive=case.classes[1])}: {v.probability:.2f}"
        if v.interval is None:
            return f"{line} ({self.say('no_interval')})"
        return f"{line} ({v.interval[0]:.2f}–{v.interval[1]:.2f}; {v.interval_basis})"

    def feature_rows(self, case: CaseContent) -> list[tuple[str, ...]]:
        """Rank, class, share, area, position, size of the most important features."""
        rows: list[tuple[str, ...]] = []
        for f in case.analysis["features"][:SHOWN_FEATURES]:
            name = case.classes[case.true_class if f["favours"] == "true" else 1 - case.true_class]
            x, y, w, h = f["box"]
            area = f"{f['area_px']:,.0f} px".replace(",", " ")
            if f["area_mm2"] is not None:
                area += f" / {f['area_mm2']:,.0f} mm²".replace(",", " ")
            rows.append((str(f["rank"]), name, f"{100 * f['share']:.0f} %", area, f"{x}, {y}", f"{w} × {h}"))
        return rows

    def mask_rows(self, case: CaseContent) -> Rows:
        """How the analyst's mask and the divergence map agree."""
        m = case.mask
        if m is None:
            return []
        rows = [(self.say("mask_area"), f"{100 * m.area_share:.1f} %")]
        if m.energy_inside is not None:
            rows.append((self.say("energy_inside"), f"{m.energy_inside:.2f}"))
        if m.pointing_hit is not None:
            rows.append((self.say("pointing"), self.say("yes" if m.pointing_hit else "no")))
        if m.iou is not None:
            rows.append((self.say("iou"), f"{m.iou:.2f}"))
        return [*rows, (self.say("sha256"), m.sha256)]

    def provenance_rows(self, case: CaseContent) -> Rows:
        """Where every number comes from."""
        image, a, made_by = case.image, case.analysis, self._report.generator
        facts = [f"{image.width} × {image.height}", f"{image.bits_stored} bit", image.photometric]
        facts += [image.transfer_syntax] if image.transfer_syntax else []
        facts += ["lossy"] if image.lossy else []
        libraries = ", ".join(f"{name} {version}" for name, version in made_by["libraries"].items())
        return [
            (self.say("file"), f"{image.name}, {image.size_bytes:,} bytes"),
            (self.say("sha256"), image.sha256),
            ("", self.say("original_hash")),
            (self.say("image_properties"), ", ".join(facts)),
            (self.say("pixel_spacing"), self._spacing(case)),
            (self.say("model"), f"{a['model']['id']}, version {a['model']['version']}"),
            (self.say("weights_hash"), a["model"]["weights_sha256"]),
            (self.say("method"), a["model"]["method"]),
            (self.say("preprocessing"), ", ".join(f"{k} {_short(v)}" for k, v in a["preprocessing"].items())),
            (self.say("logits"), ", ".join(f"{v:+.3f}" for v in a["logits"])),
            (self.say("device"), a["device"]),
            (
                self.say("software"),
                f"{made_by['name']} {made_by['version']}, Python {made_by['python']}, {libraries}",
            ),
        ]

    def model_rows(self, case: CaseContent) -> Rows:
        """What the model is for, what it was trained on, whom its data come from."""
        m = case.model
        rows = [
            (self.say("intended_use"), str(m["intended_use"])),
            (self.say("training_data"), str(m["trained_on"])),
            (self.say("attribution"), " ".join(m["attribution"])),
        ]
        return [row for row in rows if row[1]]

    def _spacing(self, case: CaseContent) -> str:
        spacing = case.image.spacing
        if spacing is None:
            return self.say("spacing_unknown")
        kind = spacing["calibration"]
        key = "spacing_basis_unknown" if kind == "unknown" else f"spacing_{kind}"
        return self.say(key, row=spacing["row_mm"], column=spacing["column_mm"], source=spacing["source"])


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_short(v) for v in value) + "]"
    return str(value)
