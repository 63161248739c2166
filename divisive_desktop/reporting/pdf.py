"""A report as PDF/A-3u: two pages a case, with the machine-readable content attached.

The attachment is ``report.json`` (ISO 19005-3 allows files beside the page content); fonts are embedded; the seal
stands in the document's keywords.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime

from fpdf import FPDF
from fpdf.enums import WrapMode, XPos, YPos
from fpdf.fonts import FontFace

from divisive_desktop.reporting.content import CaseContent, Report
from divisive_desktop.reporting.fonts import FAMILY, add_fonts
from divisive_desktop.reporting.rows import Wording
from divisive_desktop.reporting.seal import placeholder

INK, DIM, RULE, ACCENT = (25, 28, 33), (95, 100, 110), (205, 209, 215), (178, 84, 22)
_MARGIN = 18.0


class _Document(FPDF):
    def __init__(self, report: Report, paper: str) -> None:
        super().__init__(format=paper, enforce_compliance="PDF/A-3U")
        self.report = report
        self.words = Wording(report)
        self.say = self.words.say
        add_fonts(self)
        self.set_margins(_MARGIN, 16, _MARGIN)
        self.set_auto_page_break(True, 18)
        self.alias_nb_pages("{nb}")

    def header(self) -> None:
        self.set_y(8)
        self.set_font(FAMILY, "", 8)
        self.set_text_color(*ACCENT)
        self.cell(self.epw / 2, 5, self.say("research_use"))
        self.set_text_color(*DIM)
        privacy = self.say("deidentified" if self.report.deidentified else "identified")
        self.cell(
            self.epw / 2, 5, f"{self.report.institution + ' · ' if self.report.institution else ''}{privacy}", align="R"
        )
        self.set_y(16)

    def footer(self) -> None:
        self.set_y(-13)
        self.set_draw_color(*RULE)
        self.line(_MARGIN, self.get_y(), self.w - _MARGIN, self.get_y())
        self.set_font(FAMILY, "", 7.5)
        self.set_text_color(*DIM)
        made = f"Divisive Desktop {self.report.generator['version']} · "
        made += self.say("created", created=self.report.created.replace("T", " ").rstrip("Z"))
        self.cell(self.epw * 0.75, 6, made)
        self.cell(self.epw * 0.25, 6, self.say("page", page=self.page_no(), pages="{nb}"), align="R")

    # ---- building blocks ----------------------------------------------------------------------------

    def title_line(self, line: str, size: float = 17) -> None:
        self.set_font(FAMILY, "B", size)
        self.set_text_color(*INK)
        self.multi_cell(0, size * 0.46, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def heading(self, line: str) -> None:
        if self.get_y() > self.h - 45:
            self.add_page()
        self.ln(2.4)
        self.set_font(FAMILY, "B", 10.5)
        self.set_text_color(*INK)
        self.cell(0, 6, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_draw_color(*RULE)
        self.line(_MARGIN, self.get_y(), self.w - _MARGIN, self.get_y())
        self.ln(1.2)

    def paragraph(self, line: str, size: float = 9, dim: bool = False) -> None:
        self.set_font(FAMILY, "", size)
        self.set_text_color(*(DIM if dim else INK))
        self.multi_cell(0, size * 0.5, line, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def pairs(self, rows: Sequence[tuple[str, str]]) -> None:
        """Two columns: what, and its value (long hashes wrap)."""
        for name, value in rows:
            top = self.get_y()
            if top > self.h - 24:
                self.add_page()
                top = self.get_y()
            self.set_font(FAMILY, "", 8)
            self.set_text_color(*DIM)
            self.multi_cell(40, 4.0, name, align="L", new_x=XPos.RIGHT, new_y=YPos.TOP)
            left_end = self.get_y() + 4.0
            self.set_text_color(*INK)
            self.set_xy(_MARGIN + 42, top)
            self.multi_cell(
                self.epw - 42,
                4.0,
                value or "–",
                align="L",
                wrapmode=WrapMode.CHAR if " " not in value else WrapMode.WORD,
                new_x=XPos.LMARGIN,
                new_y=YPos.NEXT,
            )
            self.set_y(max(self.get_y(), left_end))

    def bullets(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.set_font(FAMILY, "", 7.8)
            self.set_text_color(*INK)
            self.cell(4, 3.8, "•")
            self.multi_cell(self.epw - 4, 3.8, line, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.ln(0.3)

    def grid(
        self, head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[int] = ()
    ) -> None:
        """A table with a rule under its head; columns in ``right`` are aligned to the right."""
        self.set_font(FAMILY, "", 8.5)
        self.set_text_color(*INK)
        self.set_draw_color(*RULE)
        align = tuple("RIGHT" if i in right else "LEFT" for i in range(len(head)))
        style = FontFace(emphasis="", color=DIM)
        with self.table(
            col_widths=tuple(widths),
            text_align=align,
            borders_layout="SINGLE_TOP_LINE",
            line_height=5,
            headings_style=style,
            padding=(0.4, 1),
            cell_fill_mode="NONE",
        ) as table:
            for row in (head, *rows):
                table.row([str(cell) for cell in row])


def write_pdf(report: Report, paper: str = "A4") -> bytes:
    """The report as PDF/A-3u, not sealed yet.

    Parameters
    ----------
    paper : ``A4`` or ``Letter``

    Raises
    ------
    ReportError
        A font that the text needs isn't installed.
    """
    pdf = _Document(report, paper)
    title = pdf.say("title")
    pdf.set_title(title)
    pdf.set_lang(report.language)
    pdf.set_creator(f"Divisive Desktop {report.generator['version']}")
    pdf.set_keywords(placeholder())
    pdf.set_creation_date(datetime.fromisoformat(report.created))
    if len(report.cases) > 1:
        _summary(pdf, report)
    for case in report.cases:
        _case(pdf, case)
    pdf.embed_file(
        bytes=report.to_json().encode(),
        basename="report.json",
        desc="Machine-readable content of this report",
        mime_type="application/json",
        associated_file_relationship="DATA",
    )
    return bytes(pdf.output())


def _summary(pdf: _Document, report: Report) -> None:
    pdf.add_page()
    pdf.title_line(pdf.say("title"))
    pdf.heading(pdf.say("summary", n=len(report.cases)))
    rows = []
    for number, case in enumerate(report.cases, 1):
        v = case.verdict
        between = f"{v.interval[0]:.2f}–{v.interval[1]:.2f}" if v.interval else "–"
        rows.append((str(number), case.title, v.class_name, f"{v.probability:.2f}", between, case.image.sha256[:12]))
    pdf.grid(
        ("#", pdf.say("case"), pdf.say("answer"), "P", "95 %", pdf.say("sha256")), rows, (7, 50, 30, 12, 22, 30), (3, 4)
    )


def _case(pdf: _Document, case: CaseContent) -> None:
    left_out = set(pdf.report.sections)
    pdf.add_page()
    pdf.start_section(case.title)
    pdf.set_font(FAMILY, "", 9)
    pdf.set_text_color(*DIM)
    pdf.cell(0, 5, f"{pdf.say('title')} · {case.title}", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.title_line(case.question)
    pdf.ln(1.5)
    _answer(pdf, case)
    pdf.heading(pdf.say("pictures"))
    _pictures(pdf, case)
    pdf.heading(pdf.say("features"))
    _features(pdf, case)
    if case.mask is not None and "mask" not in left_out:
        pdf.heading(pdf.say("agreement"))
        pdf.pairs(pdf.words.mask_rows(case))
    if case.before_after and "before_after" not in left_out:
        _before_after(pdf, case)
    pdf.add_page()
    pdf.heading(pdf.say("provenance"))
    pdf.pairs(pdf.words.provenance_rows(case))
    pdf.heading(pdf.say("error_rates"))
    if case.error_rates:
        pdf.pairs(case.error_rates)
    else:
        pdf.paragraph(pdf.say("no_error_rates"))
    if "model_card" not in left_out:
        pdf.heading(pdf.say("model_card"))
        pdf.pairs(pdf.words.model_rows(case))
    pdf.heading(pdf.say("limitations"))
    pdf.bullets(case.limitations)
    if case.audit and "audit" not in left_out:
        pdf.heading(pdf.say("audit"))
        rows = [(str(a.get("time", "")), str(a.get("user", "")), str(a.get("act", ""))) for a in case.audit]
        pdf.grid((pdf.say("time"), pdf.say("who"), pdf.say("act")), rows, (40, 35, 75))
    pdf.heading(pdf.say("conclusion"))
    pdf.paragraph(case.conclusion or pdf.say("no_conclusion"), dim=not case.conclusion)
    _signature(pdf, case)
    if left_out:
        pdf.ln(2)
        pdf.paragraph(pdf.say("sections_left_out", names=", ".join(sorted(left_out))), 8, dim=True)


def _answer(pdf: _Document, case: CaseContent) -> None:
    v = case.verdict
    pdf.set_font(FAMILY, "B", 11.5)
    pdf.set_text_color(*INK)
    pdf.multi_cell(0, 5.8, v.words, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.paragraph(pdf.words.probability(case))
    pdf.paragraph(pdf.say(f"held_true_{case.true_class_source}", name=case.classes[case.true_class]))


def _pictures(pdf: _Document, case: CaseContent) -> None:
    gap = 5.0
    width = (pdf.epw - gap) / 2
    aspect = min(case.image.height / case.image.width, 0.98)
    height = min(width * aspect, 74.0 if case.mask is None else 60.0)  # room for the mask on the same page
    for row in (("image", "features"), ("true", "false")):
        top = pdf.get_y()
        for column, name in enumerate(row):
            left = _MARGIN + column * (width + gap)
            pdf.set_fill_color(16, 17, 19)
            pdf.rect(left, top, width, height, style="F")
            pdf.image(
                io.BytesIO(case.pictures[name]),
                left,
                top,
                width,
                height,
                keep_aspect_ratio=True,
                alt_text=pdf.words.caption(case, name),
            )
            pdf.set_fill_color(255, 255, 255)
            pdf.set_xy(left, top + height + 0.6)
            pdf.set_font(FAMILY, "", 7.5)
            pdf.set_text_color(*DIM)
            pdf.multi_cell(width, 3.6, pdf.words.caption(case, name), align="L", new_x=XPos.LMARGIN, new_y=YPos.TOP)
        pdf.set_y(top + height + 5.4)
    pdf.paragraph(pdf.words.scale_note(case), 7.5, dim=True)


def _features(pdf: _Document, case: CaseContent) -> None:
    if not case.analysis["features"]:
        pdf.paragraph(pdf.say("no_features"))
        return
    head = [pdf.say(k) for k in ("rank", "favours", "share", "area", "position", "size_px")]
    pdf.grid(head, pdf.words.feature_rows(case), (10, 38, 34, 40, 28, 30), (2, 3, 4, 5))


def _before_after(pdf: _Document, case: CaseContent) -> None:
    assert case.before_after is not None
    pdf.heading(pdf.say("before_after"))
    if case.before_after.get("words"):
        pdf.paragraph(str(case.before_after["words"]))
    rows = [[str(c) for c in row] for row in case.before_after.get("rows", ())]
    head = [pdf.say(k) for k in ("measure", "before", "after", "difference")]
    pdf.grid(head, rows, (60, 30, 30, 54), (1, 2, 3))


def _signature(pdf: _Document, case: CaseContent) -> None:
    if pdf.get_y() > pdf.h - 42:
        pdf.add_page()
    pdf.ln(9)
    pdf.set_draw_color(*INK)
    top, third = pdf.get_y(), pdf.epw / 3
    for i, (key, value) in enumerate((("name", case.analyst), ("date", case.signed_on), ("signature", ""))):
        left = _MARGIN + i * third
        pdf.set_xy(left, top - 5)
        pdf.set_font(FAMILY, "", 9)
        pdf.set_text_color(*INK)
        pdf.cell(third - 6, 5, value)
        pdf.line(left, top, left + third - 6, top)
        pdf.set_xy(left, top + 0.5)
        pdf.set_font(FAMILY, "", 7.5)
        pdf.set_text_color(*DIM)
        pdf.cell(third - 6, 4, pdf.say(key))
    pdf.set_xy(_MARGIN, top + 6)
    pdf.paragraph(pdf.say("verify_hint"), 7.5, dim=True)
