"""The typography of a report's PDF: page furniture and building blocks, without knowing what they say."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from fpdf.enums import MethodReturnValue, TextEmphasis, WrapMode, XPos, YPos
from fpdf.fonts import FontFace
from fpdf.line_break import Fragment
from PIL import Image

from divisive_desktop.foreign.text import plain
from divisive_desktop.reporting.content import Report
from divisive_desktop.reporting.fonts import FAMILY, TURNING, FontPlan, add_fonts, turn_numbers
from divisive_desktop.reporting.pdf_tags import TaggedPDF
from divisive_desktop.reporting.rows import Wording

INK, DIM, RULE, ACCENT = (25, 28, 33), (95, 100, 110), (205, 209, 215), (178, 84, 22)
MARGIN = 18.0
_FOOT = 15.0


class Page(TaggedPDF):
    """A report's document: A4 or Letter, embedded fonts, PDF/A-3u."""

    def __init__(self, report: Report, paper: str, fonts: FontPlan) -> None:
        super().__init__(format=paper, enforce_compliance="PDF/A-3U")
        self.report = report
        self.words = Wording(report)
        self.say = self.words.say
        self._glyphs = fonts
        add_fonts(self, fonts)
        self.set_margins(MARGIN, 17, MARGIN)
        self.c_margin = 0  # text begins where rules and pictures do
        self.set_auto_page_break(True, _FOOT)
        self.alias_nb_pages("{nb}")

    @property
    def missing_scripts(self) -> tuple[str, ...]:
        """Scripts with characters that no font at hand can show."""
        return self._glyphs.missing_scripts

    def file_id(self) -> str:
        """The same for the same content, whenever it is written."""
        digest = hashlib.sha256(self.report.to_json().encode()).hexdigest()[:32].upper()
        return f"<{digest}><{digest}>"

    def normalize_text(self, text: str) -> str:
        """Every text passes here on its way to the page: what can't be shown becomes its Unicode numbers."""
        return str(super().normalize_text(self._glyphs.printable(plain(text, lines=True))))

    def _preload_bidirectional_text(self, text: str, markdown: bool) -> Sequence[Fragment]:
        """As in FPDF, with numbers inside text that runs from right to left where they belong."""
        if not self.text_shaping:
            return super()._preload_bidirectional_text(text, markdown)
        fragments = super()._preload_bidirectional_text(turn_numbers(text), markdown)
        for fragment in fragments:
            fragment.characters = [c for c in fragment.characters if c not in TURNING]
        return fragments

    def set_font(self, family: str | None = None, style: str | TextEmphasis = "", size: float = 0) -> None:
        """As in FPDF, and said on the page at once.

        FPDF says it with the first text; where that text begins in a fallback font it does so inside a saved graphics
        state, and the lines after it would be drawn with the glyph numbers of one font and the shapes of another.
        """
        super().set_font(family, style, size)
        if self.page and self.current_font is not None and not self.current_font_is_set_on_page:
            self._out(self._set_font_for_page(self.current_font, self.font_size_pt))

    def header(self) -> None:
        with self.decoration():
            self._head()

    def footer(self) -> None:
        with self.decoration():
            self._foot()

    def _head(self) -> None:
        self.set_y(8)
        self.set_font(FAMILY, "B", 8)
        self.set_text_color(*ACCENT)
        left = self.get_string_width(self.say("research_use")) + 6
        self.cell(left, 5, self.say("research_use"))
        self.set_font(FAMILY, "", 8)
        self.set_text_color(*DIM)
        privacy = self.say("deidentified" if self.report.deidentified else "identified")
        if any(case.asked_anyway for case in self.report.cases):
            privacy = f"{self.say('asked_anyway')} · {privacy}"
        self.cell(0, 5, self._fitted(self.report.institution, privacy, self.epw - left), align="R")
        self.set_y(17)

    def cut(self, line: str, width: float) -> str:
        """A line as long as there is room for, in millimetres; the whole of it is in the sealed content."""
        if self.get_string_width(line) <= width - 2:
            return line
        fits = 0
        for step in (64, 16, 4, 1):
            while fits + step <= len(line) and self.get_string_width(f"{line[:fits + step].rstrip()}…") <= width - 2:
                fits += step
        return f"{line[:fits].rstrip()}…"

    def _fitted(self, name: str, privacy: str, width: float) -> str:
        """Institution and privacy on one line: a long name is cut, the statement never is."""
        line = f"{name} · {privacy}" if name else privacy
        while name and self.get_string_width(line) > width - 2:
            name = name[:-1]
            line = f"{name.rstrip()}… · {privacy}"
        return line

    def _foot(self) -> None:
        self.set_y(-13)
        self.set_draw_color(*RULE)
        self.set_line_width(0.2)
        self.line(MARGIN, self.get_y(), self.w - MARGIN, self.get_y())
        self.set_font(FAMILY, "", 7.5)
        self.set_text_color(*DIM)
        made = f"Divisive Desktop {self.report.generator['version']} · "
        made += self.say("created", created=self.report.created.replace("T", " ").rstrip("Z"))
        self.cell(self.epw * 0.75, 6, made)
        self.cell(0, 6, self.say("page", page=self.page_no(), pages="{nb}"), align="R")

    # ---- text ---------------------------------------------------------------------------------------

    def left_on_page(self) -> float:
        """Millimetres from here to the foot of the page."""
        return float(self.h - _FOOT - self.get_y())

    def room(self, needed: float) -> None:
        """Begin a page unless so many millimetres are left on this one."""
        if needed > self.left_on_page():
            self.add_page()

    def title_line(self, line: str, size: float = 16) -> None:
        self.set_font(FAMILY, "B", size)
        self.set_text_color(*INK)
        with self.tagged("H1"):
            self.multi_cell(0, size * 0.44, line, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def heading(self, line: str, keep: float = 16) -> None:
        """A heading that stays with at least ``keep`` millimetres of what follows."""
        self.room(9 + keep)
        self.ln(1.8)
        self.set_font(FAMILY, "B", 10)
        self.set_text_color(*INK)
        with self.tagged("H2"):
            self.cell(0, 5.4, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_draw_color(*RULE)
        self.set_line_width(0.2)
        with self.decoration():
            self.line(MARGIN, self.get_y(), self.w - MARGIN, self.get_y())
        self.ln(1.2)

    def paragraph(self, line: str, size: float = 8.6, dim: bool = False, bold: bool = False) -> None:
        self.set_font(FAMILY, "B" if bold else "", size)
        self.set_text_color(*(DIM if dim else INK))
        with self.tagged("P"):
            self.multi_cell(0, size * 0.46, line, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def height_of(self, line: str, size: float = 8.6) -> float:
        """Millimetres that a paragraph takes."""
        return self.lines_of(line, size, self.epw) * size * 0.46

    def lines_of(self, text: str, size: float, width: float) -> int:
        """Lines of this width, in millimetres, that a text takes."""
        self.set_font(FAMILY, "", size)
        lines = self.multi_cell(width, size * 0.46, text, align="L", dry_run=True, output=MethodReturnValue.LINES)
        assert isinstance(lines, list)
        return max(1, len(lines))

    def pairs(self, rows: Sequence[tuple[str, str]], name_width: float = 40) -> None:
        """Two columns: what, and its value (long hashes wrap)."""
        for name, value in rows:
            self.room(8)
            top, page = self.get_y(), self.page
            self.set_font(FAMILY, "", 7.3)
            self.set_text_color(*DIM)
            with self.tagged("P"):
                self.multi_cell(name_width, 3.45, name, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
                left_end = self.get_y()
                self.set_text_color(*INK)
                self.set_xy(MARGIN + name_width + 2, top)
                self.multi_cell(
                    self.epw - name_width - 2, 3.45, value or "–", align="L",
                    wrapmode=WrapMode.CHAR if " " not in value else WrapMode.WORD, new_x=XPos.LMARGIN, new_y=YPos.NEXT,
                )  # fmt: skip
            if self.page == page:
                self.set_y(max(self.get_y(), left_end))

    def bullets(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.room(8)
            self.set_font(FAMILY, "", 7.3)
            self.set_text_color(*INK)
            with self.tagged("P"):
                self.cell(4, 3.45, "•")
                self.multi_cell(self.epw - 4, 3.45, line, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.ln(0.2)

    def grid(
        self, head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[int] = (),
        size: float = 8,
    ) -> None:  # fmt: skip
        """A table with a rule under its head, repeated on every page; columns in ``right`` are aligned to the right."""
        self.set_font(FAMILY, "", size)
        self.set_text_color(*INK)
        self.set_draw_color(*RULE)
        self.set_line_width(0.2)
        align = tuple("RIGHT" if i in right else "LEFT" for i in range(len(head)))
        with self.tagged("P"), self.table(
            col_widths=tuple(widths),
            text_align=align,
            borders_layout="SINGLE_TOP_LINE",
            line_height=size * 0.52,
            headings_style=FontFace(emphasis="", color=DIM),
            padding=(0.35, 1, 0.35, 0),
            cell_fill_mode="NONE",
        ) as table:
            for row in (head, *rows):
                table.row([str(cell) for cell in row])

    # ---- drawings -----------------------------------------------------------------------------------

    def scale(self, value: float, low: str, high: str, threshold: tuple[float, str] | None = None) -> None:
        """A line from 0 to 1 with the probability on it, and a tick at the threshold; the text above says the same."""
        with self.decoration():
            self._scale(value, low, high, threshold)

    def _scale(self, value: float, low: str, high: str, threshold: tuple[float, str] | None) -> None:
        self.ln(1.2)
        top = self.get_y()
        self.set_font(FAMILY, "", 7.5)
        self.set_text_color(*DIM)
        left = MARGIN + max(self.get_string_width(low), 8) + 3
        length = min(90.0, self.epw - 2 * (left - MARGIN))
        self.set_xy(MARGIN, top)
        self.cell(left - MARGIN - 2, 4, low)
        self.set_xy(left + length + 2, top)
        self.cell(0, 4, high)
        middle = top + 2
        self.set_draw_color(*DIM)
        self.set_line_width(0.25)
        self.line(left, middle, left + length, middle)
        for at in (0.0, 1.0):  # none in the middle: a model's threshold is rarely there
            self.line(left + at * length, middle - 0.9, left + at * length, middle + 0.9)
        if threshold is not None:
            at = left + threshold[0] * length
            self.line(at, middle - 1.7, at, middle + 1.7)
            width = self.get_string_width(threshold[1])
            self.set_xy(min(max(at - width / 2, left), left + length - width), middle + 1.8)
            self.cell(width, 3.2, threshold[1], align="C")
        self.set_fill_color(*ACCENT)
        self.ellipse(left + value * length - 1.1, middle - 1.1, 2.2, 2.2, style="F")
        self.set_fill_color(255, 255, 255)
        self.set_y(top + (5 if threshold is None else 7.4))

    def framed(self, data: bytes, left: float, top: float, width: float, height: float, caption: str) -> None:
        """A picture on a dark ground, as large as fits."""
        self.set_fill_color(16, 17, 19)
        with self.decoration():
            self.rect(left, top, width, height, style="F")
        self.image(io.BytesIO(data), left, top, width, height, keep_aspect_ratio=True, alt_text=caption)
        self.set_fill_color(255, 255, 255)

    def caption(self, line: str, left: float, top: float, width: float) -> float:
        """Text under a picture; gives the height it took."""
        self.set_xy(left, top)
        self.set_font(FAMILY, "", 7.2)
        self.set_text_color(*DIM)
        with self.tagged("Caption"):
            self.multi_cell(width, 3.3, line, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        return float(self.get_y() - top)

    def colour_bar(
        self, table: npt.NDArray[np.uint8], title: str, ticks: Sequence[str], left: float, width: float
    ) -> None:
        """A colour table with values under its ends (and its middle)."""
        top = self.get_y()
        self.set_xy(left, top)
        self.set_font(FAMILY, "", 7.2)
        self.set_text_color(*DIM)
        if self.get_string_width(title) > width:
            self.set_font(FAMILY, "", 7.2 * width / self.get_string_width(title) - 0.05)
        with self.tagged("Caption"):
            self.cell(width, 3.4, title)
        self.set_font(FAMILY, "", 7.2)
        out = io.BytesIO()
        Image.fromarray(table[None]).save(out, format="PNG")
        self.image(out, left, top + 3.6, width, 2.2, alt_text=title)
        for i, tick in enumerate(ticks):
            share = i / (len(ticks) - 1)
            self.set_xy(left, top + 6)
            with self.tagged("P"):
                self.cell(width, 3.2, tick, align="L" if share == 0 else "R" if share == 1 else "C")
        self.set_xy(MARGIN, top)
