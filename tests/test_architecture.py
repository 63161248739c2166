"""How the rooms hang together: no module imports another that, by whatever way, imports it."""

from __future__ import annotations

import grimp
import pytest

PACKAGE = "divisive_desktop"


def circles(graph: grimp.ImportGraph, modules: frozenset[str]) -> list[list[str]]:
    """Groups of modules that reach each other by imports (Tarjan's strongly connected components), largest first."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        open_.append(module)
        for imported in sorted(graph.find_modules_directly_imported_by(module) & modules):
            if imported not in number:
                visit(imported)
                lowest[module] = min(lowest[module], lowest[imported])
            elif imported in open_:
                lowest[module] = min(lowest[module], number[imported])
        if lowest[module] == number[module]:
            start = open_.index(module)
            if len(open_) - start > 1:
                found.append(sorted(open_[start:]))
            del open_[start:]

    for module in sorted(modules):
        if module not in number:
            visit(module)
    return sorted(found, key=len, reverse=True)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """All imports: those inside functions and those for type checkers, too."""
    return grimp.build_graph(PACKAGE, exclude_type_checking_imports=False, cache_dir=None)


def test_a_circle_is_found() -> None:
    made = grimp.ImportGraph()
    for importer, imported in (("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")):
        made.add_import(importer=importer, imported=imported)
    assert circles(made, frozenset(made.modules)) == [["b", "c"]]


def test_there_is_no_circle_of_imports(graph: grimp.ImportGraph) -> None:
    found = circles(graph, frozenset(graph.modules))
    print(f"{len(found)} circles among {len(graph.modules)} modules")
    assert found == []
