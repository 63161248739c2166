"""SQLite finds the cases of a filter, in the order, that the worklist's own tests and keys give one case at a time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from divisive_desktop.casebook import Casebook, NewImage
from divisive_desktop.casebook.tables.listing import ListFilter, ListView
from divisive_desktop.desktop.features.worklist import criteria
from divisive_desktop.desktop.features.worklist.criteria import Criteria
from divisive_desktop.desktop.features.worklist.filter_model import FilterModel
from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.session.case import Case, Review, verdict_line
from divisive_desktop.desktop.session.case_model import CaseModel
from divisive_desktop.desktop.session.importing import load_cases
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.explanation.decision import Decision
from divisive_desktop.explanation.scope import ScopeCheck
from divisive_desktop.explanation.statement import version_in_words
from divisive_desktop.masks.mask import Mask

TASKS = ("chest-xray", "iris-attack")
MODELS = [ModelRef(f"chest-{i % 2}", str(1 + i // 2), f"{i:02x}" * 32, "difference", TASKS[i % 2],
                   ("no finding", "abnormal")) for i in range(4)]  # fmt: skip
NAMES = ("Thorax", "straße", "ÄRZTE", "x_y%z", "it's", 'quo"te', "film 09", "IMG[2]", "中文 影像")
NUMBER = 90


def fill(book: Casebook, folder: Path, chance: random.Random) -> None:
    images = []
    for i in range(NUMBER):
        path = folder / chance.choice(("A", "ä b")) / f"{chance.choice(NAMES)} {i}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
        images.append(NewImage(path, f"{i:064x}", frame=chance.choice((0, 0, 3)), kind="radiograph"))
    ids = book.cases.add_all(images, copy=False)
    for case in ids:
        if chance.random() < 0.8:
            p = None if chance.random() < 0.2 else (chance.random() ** 2, chance.random() ** 2)
            zone = chance.choice(("familiar", "familiar", "unfamiliar", "out_of_scope", "not_checked"))
            scope = ScopeCheck(zone, asked_anyway=zone == "out_of_scope" and chance.random() < 0.5)
            decision = Decision("measured", p, chance.choice(((0.1, 0.1), (0.02, 0.3))))
            logits = (round(chance.gauss(0, 1), 1), round(chance.gauss(0, 1), 1))
            row = book.analyses.add(case, Analysis(
                "x", f"{case - 1:064x}", images[case - 1].frame, (8, 8), (0, 0, 8, 8), chance.choice(MODELS), "cpu",
                "float32", logits, (0.0, 0.0), np.zeros((2, 2, 2), np.float32), {}, scope=scope, decision=decision,
            ))  # fmt: skip
            if chance.random() < 0.3:
                book.analyses.set_agreement(row, energy=chance.choice((0.2, 0.5, 0.9)))
        if chance.random() < 0.6:
            book.cases.set_label(case, chance.choice((0, 1)))
        book.cases.set_review(case, chance.choice(("new", "in_review", "done", "flagged")))
        book.cases.set_tags(case, chance.sample(["hip", "Ätz", "second look", "a"], chance.choice((0, 0, 1, 2))))
        if chance.random() < 0.3:
            book.cases.set_notes(case, chance.choice(("Ask again\nSTRASSE", "groß", "it's 100 %")))
        if chance.random() < 0.2:
            book.masks.save(case, Mask.from_array(np.full((8, 8), 255, np.uint8)))
        if chance.random() < 0.2:
            book.cases.add_time(case, chance.choice((1.0, 2.0)))
    book.trash.put(ids[::17])


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Casebook]:
    folder = tmp_path_factory.mktemp("listing")
    with Casebook.create(folder / "x") as made:
        fill(made, folder, random.Random(5))
        yield made


VIEWS = (
    ListView(),
    ListView(rates=(0.3, None), in_use={"chest-xray": MODELS[2].weights_sha256, "iris-attack": "unknown"}),
    ListView(rates=(0.001, 0.001), blind=True, revealed=frozenset({3, 4, 5}), in_use={"chest-xray": "ff"}),
    ListView(names_hidden=True),
)


def reference(book: Casebook, view: ListView) -> FilterModel:
    """The list as Python makes it of objects."""
    cases = load_cases(book)
    model = CaseModel()
    model.hides = lambda case: view.blind and case.review is not Review.DONE and case.id not in view.revealed
    model.add(cases)
    model.set_rates(view.rates)
    model.set_in_use({task: (weights, "another one") for task, weights in view.in_use.items()})
    shown = FilterModel()
    shown.setSourceModel(model)
    model.setParent(shown)
    return shown


def seen(view: ListView) -> ListView:
    return replace(view, reviews={review.value: review.stored for review in Review})


def said(book: Casebook, view: ListView, shown: FilterModel) -> dict[str, str]:
    by_id = {case.id: case for case in cases_of(shown)}
    return {
        group.key: f"{verdict_line(by_id[group.example])} {by_id[group.example].review.value}".casefold()
        for group in book.listing.groups(view)
    }


def cases_of(shown: FilterModel) -> list[Case]:
    return [shown.case(row) for row in range(shown.rowCount())]


def every_choice() -> Iterator[Criteria]:
    for name in ("label", "mask", "file", "verdict", "version", "state"):
        for choice in getattr(criteria, {"state": "STATES"}.get(name, f"{name.upper()}S")):
            yield Criteria(**{name: choice})
    for tag in ("hip", "Ätz", "second", "second look"):
        yield Criteria(tag=tag)
    for model in (*(version_in_words(ref.id, ref.version) for ref in MODELS), "chest"):
        yield Criteria(model=model)
    yield Criteria(agreement=(0.2, 0.5))
    yield Criteria(since="2020", until="2100")
    yield Criteria(until="2020")
    for text in ("t", "TH", "thorax", "straße", "STRASSE", "ärzte", "_", "%", "it's", 'quo"te', "09", "film 1", "中文",
                 "文 影像", "undecided", "label agrees", "differs", "new", "review", "abnormal", "case", "case 1",
                 "[4]", "hip", "zzz", "not", "ask again", "100", "ä b", "hidden"):  # fmt: skip
        yield Criteria(text=text)
    yield Criteria(text="thorax", label="any", state="undecided", mask="no")


@pytest.mark.parametrize("view", VIEWS, ids=("plain", "rates", "blind", "hidden"))
def test_sqlite_finds_what_the_worklist_s_own_tests_find(
    qapp: QApplication, book: Casebook, view: ListView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction, "_names_hidden", view.names_hidden)
    view, shown = seen(view), reference(book, view)
    lines = said(book, view, shown)
    sizes = set()
    for wanted in every_choice():
        shown.set_criteria(wanted)
        expected = [case.id for case in cases_of(shown)]
        found = book.listing.find(ListFilter(**asdict(wanted)), view, said=lines)
        assert found.tolist() == expected, wanted
        sizes.add(len(expected))
    assert len(sizes) > 15, "the cases differ in what is asked for"


@pytest.mark.parametrize("view", VIEWS, ids=("plain", "rates", "blind", "hidden"))
def test_sqlite_sorts_as_the_worklist_s_own_keys_do(
    qapp: QApplication, book: Casebook, view: ListView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction, "_names_hidden", view.names_hidden)
    view, shown = seen(view), reference(book, view)
    for name in criteria.SORTS:
        for descending in (False, True):
            shown.set_sort(name, descending)
            expected = [case.id for case in cases_of(shown)]
            found = book.listing.find(ListFilter(), view, name, descending=descending)
            assert found.tolist() == expected, (name, descending)


def test_what_is_recorded_later_is_found_after_a_refresh(tmp_path: Path) -> None:
    chance = random.Random(9)
    with Casebook.create(tmp_path / "x") as book:
        fill(book, tmp_path, chance)
        assert book.listing.find(ListFilter(), ListView())[0] == 2, "the first one is in the trash"
        touched: set[int] = set()
        book.listeners.append(lambda ids: touched.update(ids))
        book.cases.set_notes(2, "a fracture of the clavicle")
        book.cases.set_notes(3, "none")
        book.cases.set_tags([4], ["clavicle"])
        book.trash.put([5])
        book.trash.restore(1)
        (tmp_path / "new.png").write_bytes(b"y")
        new = book.cases.add(NewImage(tmp_path / "new.png", "f" * 64, kind="radiograph"), copy=False)
        book.listing.refresh(touched)
        assert book.listing.find(ListFilter(text="clavicle"), ListView()).tolist() == [2, 4]
        book.cases.set_notes(2, "nothing")
        book.listing.refresh([2])
        assert book.listing.find(ListFilter(text="clavicle"), ListView()).tolist() == [4]
        now = book.listing.find(ListFilter(), ListView()).tolist()
        assert new in now
        assert 5 not in now
        assert now[0] == 1
        kept = [book.listing.groups(ListView()), book.listing.tags()]
        book.listing.close()
        assert [book.listing.groups(ListView()), book.listing.tags()] == kept, "made anew it is the same"
        assert book.listing.find(ListFilter(), ListView()).tolist() == now
