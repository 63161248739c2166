"""A report as one HTML file: nothing is fetched, pictures and the machine-readable content are inside."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from divisive_desktop import paths
from divisive_desktop.explanation import colours
from divisive_desktop.foreign.text import plain
from divisive_desktop.reporting.content import Report
from divisive_desktop.reporting.rows import Wording
from divisive_desktop.reporting.seal import placeholder


def write_html(report: Report, beat: Callable[[], None] = lambda: None) -> bytes:
    """The report as a single HTML page, not sealed yet."""
    environment = Environment(
        loader=FileSystemLoader(paths.resources_dir() / "templates"),
        autoescape=True,
        finalize=_as_text,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = Wording(report)
    # Inside a script element only "</" and "<!--" could end it: "<" is written as its JSON escape.

    def done() -> str:
        """Called by the template after each case."""
        beat()
        return ""

    content = report.to_json().replace("<", "\\u003c")
    page = environment.get_template("report.html.j2").render(
        report=report,
        t=words.say,
        w=words,
        b64=lambda data: base64.b64encode(data).decode(),
        data_url=_data_url,
        sequential=_colour_bar(colours.sequential()),
        diverging=_colour_bar(colours.diverging()),
        done=done,
        seal=placeholder(),
        content_json=Markup(content),  # "<" is escaped above
    )
    return page.encode("utf-8")


def _as_text(value: object) -> object:
    """What people and files say can't turn the writing around it; our own markup stays as it is."""
    return plain(value, lines=True) if isinstance(value, str) and not isinstance(value, Markup) else value


def _data_url(data: bytes) -> str:
    kind = "jpeg" if data.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _colour_bar(table: npt.NDArray[np.uint8]) -> str:
    out = io.BytesIO()
    Image.fromarray(table[None]).save(out, format="PNG")
    return _data_url(out.getvalue())
