"""A report as PDF/A-3u: two pages a case, with the machine-readable content attached.

The attachment is ``report.json`` (ISO 19005-3 allows files beside the page content); fonts are embedded; the seal
stands in the document's keywords.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import datetime

from fpdf.enums import XPos, YPos

from divisive_desktop.explanation import colours
from divisive_desktop.language import catalogue
from divisive_desktop.reporting.content import CaseContent, Report
from divisive_desktop.reporting.fonts import FAMILY, plan
from divisive_desktop.reporting.pdf_page import DIM, INK, MARGIN, Page
from divisive_desktop.reporting.seal import placeholder

_GAP = 4.0
_LOWEST, _HIGHEST = 36.0, 72.0
"""Height of a picture in millimetres: as much as what follows on the page leaves."""


def write_pdf(report: Report, paper: str = "A4", beat: Callable[[], None] = lambda: None) -> bytes:
    """The report as PDF/A-3u, not sealed yet.

    Parameters
    ----------
    paper : ``A4`` or ``Letter``
    beat : callable
        Called after each case; it may raise to stop.

    Raises
    ------
    ReportError
        The shipped fonts are missing.
    """
    content = report.to_json()
    pdf = Page(report, paper, plan(content + "".join(catalogue(report.language).values())))
    pdf.set_title(pdf.say("title"))
    pdf.set_lang(report.language)
    pdf.set_creator(f"Divisive Desktop {report.generator['version']}")
    pdf.set_keywords(placeholder())
    created = datetime.fromisoformat(report.created)
    pdf.set_creation_date(created)
    if len(report.cases) > 1 or report.total > 1:
        _summary(pdf, report)
    for case in report.cases:
        _case(pdf, case)
        beat()
    pdf.embed_file(
        bytes=content.encode(),
        basename="report.json",
        desc="Machine-readable content of this report",
        modification_date=created,
        mime_type="application/json",
        associated_file_relationship="DATA",
    )
    return _undated(bytes(pdf.output()))


def _undated(data: bytes) -> bytes:
    """The time of writing replaced by that of the report, so that one content always gives the same bytes.

    `reporting.visible` relies on it: it makes the pages again and compares.
    """
    made = re.search(rb'xmp:CreateDate="([^"]*)"', data)
    assert made is not None, "fpdf2 writes it"
    return re.sub(rb'(xmp:(?:ModifyDate|MetadataDate)=")[^"]{%d}"' % len(made[1]), rb'\g<1>%s"' % made[1], data)


def _summary(pdf: Page, report: Report) -> None:
    pdf.add_page()
    _logo(pdf)
    pdf.title_line(pdf.say("title"))
    last = report.first_number + len(report.cases) - 1
    if report.total > len(report.cases):
        pdf.paragraph(pdf.say("volume", first=report.first_number, last=last, total=report.total), 9.5, dim=True)
    if report.conclusion:
        pdf.heading(pdf.say("overall_conclusion"))
        pdf.paragraph(report.conclusion)
    pdf.heading(pdf.say("summary", n=len(report.cases)))
    pdf.paragraph(pdf.words.versions())
    rows = [pdf.words.overview_row(i, case) for i, case in enumerate(report.cases)]
    pdf.grid(pdf.words.overview_head(), rows, (8, 38, 34, 28, 30, 18, 24))
    pdf.ln(2)
    _notes(pdf)


def _logo(pdf: Page) -> None:
    """At the right of the first page's head."""
    if pdf.report.logo and pdf.page_no() == 1:
        pdf.image(
            io.BytesIO(pdf.report.logo), pdf.w - MARGIN - 38, 16, 38, 15, keep_aspect_ratio=True,
            alt_text=pdf.report.institution or "Logo",
        )  # fmt: skip


def _case(pdf: Page, case: CaseContent) -> None:
    left_out = set(pdf.report.sections)
    pdf.add_page()
    pdf.start_section(case.title)
    _logo(pdf)
    narrow = 42.0 if pdf.report.logo and pdf.page_no() == 1 else 0.0
    pdf.set_right_margin(MARGIN + narrow)
    pdf.paragraph(f"{pdf.say('title')} · {case.title}", 8.6, dim=True)
    pdf.title_line(pdf.words.term(case.question))
    pdf.set_right_margin(MARGIN)
    pdf.ln(1.2)
    _answer(pdf, case)
    pdf.heading(pdf.words.pictures(case), 60)
    _pictures(pdf, case, "mask" in case.pictures and "mask" not in left_out)
    pdf.heading(pdf.say("features"))
    _features(pdf, case)
    if case.mask is not None and "mask" not in left_out:
        pdf.heading(pdf.say("agreement"))
        pdf.pairs(pdf.words.mask_rows(case), 65)
    first = pdf.page
    if case.before_after and "before_after" not in left_out:
        _before_after(pdf, case)
    if pdf.page == first:
        pdf.add_page()
    _conclusion(pdf, case, "signature" not in left_out)
    pdf.heading(pdf.say("provenance"))
    pdf.pairs(pdf.words.provenance_rows(case))
    pdf.heading(pdf.say("error_rates"))
    if case.error_rates:
        pdf.pairs(pdf.words.error_rows(case), 50)
    else:
        pdf.paragraph(pdf.say("no_error_rates"))
    if "model_card" not in left_out:
        pdf.heading(pdf.say("model_card"))
        pdf.pairs(pdf.words.model_rows(case))
        pdf.paragraph(pdf.words.attribution(case), 6.6, dim=True)
    pdf.heading(pdf.say("limitations"))
    pdf.bullets(pdf.words.limits(case))
    pdf.ln(0.8)
    pdf.paragraph(f"{pdf.say('reading_maps')} {' '.join(case.cautions)}", 7.3)
    if case.audit and "audit" not in left_out:
        _audit(pdf, case)
    pdf.ln(1.5)
    _notes(pdf)


def _answer(pdf: Page, case: CaseContent) -> None:
    stated = case.statement
    pdf.paragraph(pdf.words.answer(case), 11, bold=True)
    pdf.ln(0.6)
    pdf.paragraph(" ".join(stated.sentences))
    pdf.paragraph(pdf.words.held_true(case))
    negative, positive = (pdf.words.term(name) for name in case.classes)
    pdf.scale(case.probability, negative, positive, pdf.words.threshold(case))


def _pictures(pdf: Page, case: CaseContent, with_mask: bool) -> None:
    rows = (("image", "mask", "features"), ("true", "false")) if with_mask else (("image", "features"),
                                                                                ("true", "false"))  # fmt: skip
    columns = len(rows[0])
    width = (pdf.epw - _GAP * (columns - 1)) / columns
    shape = 1.0 if case.cropped else case.image.height / case.image.width  # of a panorama the model saw one face
    room = pdf.left_on_page() - _beside_pictures(pdf, case, with_mask)
    height = min(width * shape, max(_LOWEST, min(room / len(rows), _HIGHEST)))
    for row in rows:
        top = pdf.get_y()
        tallest = 0.0
        for column, name in enumerate(row):
            left = MARGIN + column * (width + _GAP)
            words = pdf.words.caption(case, name)
            pdf.framed(case.pictures[name], left, top, width, height, words)
            tallest = max(tallest, pdf.caption(words, left, top + height + 0.5, width))
        if with_mask and row[-1] == "false":
            pdf.set_y(top + 2)
            _bars(pdf, case, MARGIN + 2 * (width + _GAP), width, stacked=True)
        pdf.set_y(top + height + tallest + 1.6)
    if not with_mask:
        _bars(pdf, case, MARGIN, width, stacked=False)
        pdf.set_y(pdf.get_y() + 10)
    pdf.paragraph(pdf.words.scale_note(case), 7.2, dim=True)


def _beside_pictures(pdf: Page, case: CaseContent, with_mask: bool) -> float:
    """Millimetres that captions and what follows the pictures take of the first page, roughly."""
    line, head = 3.5, 10.0
    needed = 2 * 8.0 + (0 if with_mask else 10) + 8.0  # captions, colour bars, note
    needed += head + 4.9 * (1 + len(pdf.words.feature_rows(case)))
    if with_mask:
        needed += head + line * len(pdf.words.mask_rows(case))
    if case.before_after and "before_after" not in pdf.report.sections:
        needed += _before_after_height(pdf, case)
    return needed + 3


def _bars(pdf: Page, case: CaseContent, left: float, width: float, stacked: bool) -> None:
    """What the colours mean, in raw units."""
    words = pdf.words
    low, high = (words.number(v) for v in words.raw_range(case))
    most = words.largest_divergence(case)
    true, false = (words.term(case.classes[c]) for c in (case.true_class, 1 - case.true_class))
    pdf.colour_bar(colours.sequential(), words.say("legend_pair"), (low, high), left, width)
    if stacked:
        pdf.set_y(pdf.get_y() + 13)
    else:
        left += width + _GAP
    ticks = (words.number(-most), "0", words.number(most, sign=True))
    pdf.colour_bar(colours.diverging(), words.say("legend_divergence", true=true, false=false), ticks, left, width)


def _features(pdf: Page, case: CaseContent) -> None:
    if not case.analysis["features"]:
        pdf.paragraph(pdf.say("no_features"))
        return
    head = [pdf.say(k) for k in ("rank", "favours", "share", "area", "position", "size_px")]
    pdf.grid(head, pdf.words.feature_rows(case), (10, 38, 34, 40, 28, 30), (2, 3, 4, 5))
    pdf.paragraph(case.regions, 7.3, dim=True)


_CHANGE, _CHANGE_SIZE = (66, 31, 31, 46), 7.3
"""Widths of the columns, of 174, and size of the letters of what fine-tuning changed."""


def _before_after_height(pdf: Page, case: CaseContent) -> float:
    """Millimetres that the section takes, its heading included."""
    change = case.before_after or {}
    taken = 11.0 + (pdf.height_of(str(change["words"])) + 0.8 if change.get("words") else 0.0)
    widths = [pdf.epw * width / sum(_CHANGE) - 1 for width in _CHANGE]
    for row in (("",), *pdf.words.before_after_rows(case)):
        lines = (pdf.lines_of(cell, _CHANGE_SIZE, width) for cell, width in zip(row, widths, strict=False))
        taken += _CHANGE_SIZE * 0.52 * max(lines) + 0.8
    return taken


def _before_after(pdf: Page, case: CaseContent) -> None:
    """On one page, also if that is the next one: a table of a few lines isn't torn."""
    assert case.before_after is not None
    pdf.heading(pdf.say("before_after"), _before_after_height(pdf, case) - 9)
    if case.before_after.get("words"):
        pdf.paragraph(str(case.before_after["words"]))
        pdf.ln(0.8)
    rows = pdf.words.before_after_rows(case)
    head = [pdf.say(k) for k in ("measure", "before", "after", "difference")]
    if rows:
        pdf.grid(head, rows, _CHANGE, (1, 2, 3), _CHANGE_SIZE)


def _audit(pdf: Page, case: CaseContent) -> None:
    pdf.heading(pdf.say("audit"))
    rows, more = pdf.words.audit_rows(case)
    pdf.pairs([(f"{time}  {user}", what) for time, user, what in rows], 62)
    for line in (more, pdf.words.anchor(case)):
        if line:
            pdf.paragraph(line, 7.2, dim=True)


def _conclusion(pdf: Page, case: CaseContent, signature: bool) -> None:
    pdf.heading(pdf.say("conclusion"))
    pdf.paragraph(case.conclusion or pdf.say("no_conclusion"), dim=not case.conclusion)
    if signature:
        _signature(pdf, case)


def _signature(pdf: Page, case: CaseContent) -> None:
    pdf.room(20)
    pdf.ln(9)
    pdf.set_draw_color(*INK)
    pdf.set_line_width(0.2)
    top, third = pdf.get_y(), pdf.epw / 3
    for i, (key, value) in enumerate((("name", case.analyst), ("date", case.signed_on), ("signature", ""))):
        left = MARGIN + i * third
        pdf.set_xy(left, top - 5)
        pdf.set_font(FAMILY, "", 9)
        pdf.set_text_color(*INK)
        if value:
            with pdf.tagged("P"):
                pdf.cell(third - 6, 5, pdf.cut(value, third - 6))
        with pdf.decoration():
            pdf.line(left, top, left + third - 6, top)
        pdf.set_xy(left, top + 0.5)
        pdf.set_font(FAMILY, "", 7.2)
        pdf.set_text_color(*DIM)
        with pdf.tagged("P"):
            pdf.cell(third - 6, 3.6, pdf.say(key), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_xy(MARGIN, top + 4.5)


def _notes(pdf: Page) -> None:
    """What holds for the whole file: signature, left out sections, characters that can't be printed, how to verify."""
    lines = [pdf.words.signature_note(), pdf.words.chain_codes(), pdf.say("verify_hint"), pdf.words.left_out()]
    scripts = pdf.missing_scripts
    if scripts:
        lines.append(pdf.say("missing_glyphs", scripts=", ".join(scripts)))
    pdf.paragraph(" ".join(line for line in lines if line), 7.2, dim=True)
