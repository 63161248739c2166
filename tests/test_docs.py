"""Links between the pages lead somewhere, to headings as well, and the modules that they name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = sorted(page for folder in (".", "docs", "docs/decisions", "models") for page in (ROOT / folder).glob("*.md"))
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_MODULE = re.compile(r"`([\w.]+(?:/[\w.]+)*/\w+\.py)`")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def links(text: str) -> list[str]:
    """Targets of the links in a page that stay within the project; code isn't looked at."""
    found = _LINK.findall(_CODE.sub(lambda m: "" if m[0].startswith("```") else "code", text))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """What the headings of a page are called in links."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in _HEADING.findall(_CODE.sub("", text))}


def test_links_are_found() -> None:
    text = "[a](b.md#c-d) ![x](images/y.png) [z](https://z.org) `[n](o.md)`\n"
    text += "```\n[p](q.md)\n```\n[`r`](s.md)\n## C, d\n"
    assert links(text) == ["b.md#c-d", "images/y.png", "s.md"]
    assert anchors(text) == {"c-d"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in links(page.read_text(encoding="utf-8")):
        name, _, heading = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), f"{page.name}: {target}"
        if heading:
            assert heading in anchors(there.read_text(encoding="utf-8")), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_modules_that_a_page_names_are_there(page: Path) -> None:
    rooms = (ROOT, ROOT / "divisive_desktop", ROOT / "divisive_desktop" / "desktop")
    invented = re.compile("features/(checksum|NAME)/")  # what docs/adding-a-feature.md has its reader type in
    named = [name for name in _MODULE.findall(page.read_text(encoding="utf-8")) if not invented.search(name)]
    assert [name for name in named if not any((room / name).is_file() for room in rooms)] == []
