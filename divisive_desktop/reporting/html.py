"""A report as one HTML file: nothing is fetched, pictures and the machine-readable content are inside."""

from __future__ import annotations

import base64

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from divisive_desktop import paths
from divisive_desktop.reporting.content import Report
from divisive_desktop.reporting.rows import Wording
from divisive_desktop.reporting.seal import placeholder


def write_html(report: Report) -> bytes:
    """The report as a single HTML page, not sealed yet."""
    environment = Environment(
        loader=FileSystemLoader(paths.resources_dir() / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = Wording(report)
    # Inside a script element only "</" and "<!--" could end it: "<" is written as its JSON escape.
    content = report.to_json().replace("<", "\\u003c")
    page = environment.get_template("report.html.j2").render(
        report=report,
        t=words.say,
        caption=words.caption,
        scale_note=words.scale_note,
        feature_rows=words.feature_rows,
        mask_rows=words.mask_rows,
        provenance_rows=words.provenance_rows,
        model_rows=words.model_rows,
        b64=lambda png: base64.b64encode(png).decode(),
        seal=placeholder(),
        content_json=Markup(content),  # "<" is escaped above
    )
    return page.encode("utf-8")
