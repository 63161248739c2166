from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.casebook import Casebook, CaseFilter, NewImage
from divisive_desktop.casebook.storage.blobs import hash_file
from divisive_desktop.errors import CasebookError, ImageAlteredError, UnreadableFileError
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.masks.mask import Mask


def add(book: Casebook, number: int) -> list[int]:
    """Cases without files behind them: bytes are named only."""
    here = Path(__file__)
    return book.cases.add_all(
        [NewImage(here, f"{i:064x}", kind="radiograph", name=f"case {i:03}", width=10 + i) for i in range(number)],
        copy=False,
    )


def test_an_image_becomes_a_case_and_is_there_after_reopening(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0], thumbnail=b"png")
    book.close()
    with Casebook.open(book.path) as again:
        row = again.cases.get(case)
        assert (row.name, row.kind, row.review, row.label) == ("face 0.png", "photograph", "new", None)
        assert row.sha256 == hash_file(photos[0])
        assert again.cases.thumbnail(row.thumbnail or "") == b"png"


def test_a_photograph_is_copied_and_a_radiograph_referred_to(book: Casebook, photos: list[Path], rg1: Path) -> None:
    photo, film = book.cases.add_all([photos[0], rg1])
    assert book.originals.path(photo) != photos[0]
    assert book.originals.path(photo).read_bytes() == photos[0].read_bytes()
    assert book.originals.path(photo).suffix == ".png"
    assert book.originals.path(film) == rg1
    assert book.cases.get(film).kind == "radiograph"
    chosen = book.cases.add(photos[1], copy=False)
    assert book.originals.path(chosen) == photos[1]


def test_a_record_brings_size_and_patient_along_and_the_key_is_hashed(book: Casebook, photos: list[Path]) -> None:
    records = [
        ImageRecord(path, hash_file(path), "photograph", np.zeros((30, 40), np.uint8), "MONOCHROME2",
                    header={"PatientID": "DOE^JOHN"})
        for path in photos[:2]
    ]  # fmt: skip
    first, second = (book.cases.get(book.cases.add(record)) for record in records)
    assert (first.width, first.height) == (40, 30)
    assert first.patient
    assert first.patient == second.patient
    assert "DOE" not in first.patient
    assert first.side == second.side


def test_plain_patient_keys_are_a_choice(tmp_path: Path, photos: list[Path]) -> None:
    with Casebook.create(tmp_path / "plain", patient_keys="plain") as book:
        case = book.cases.add(NewImage(photos[0], patient="DOE^JOHN"))
        assert book.cases.get(case).patient == "DOE^JOHN"


def test_the_same_bytes_are_one_case_wherever_they_lie(book: Casebook, photos: list[Path], tmp_path: Path) -> None:
    twin = tmp_path / "twin.png"
    twin.write_bytes(photos[0].read_bytes())
    assert book.cases.add(photos[0]) == book.cases.add(twin)
    assert book.cases.count() == 1
    assert book.cases.add(NewImage(photos[0], frame=1)) != book.cases.add(photos[0])


def test_bytes_that_changed_since_they_were_read_are_not_imported(book: Casebook, photos: list[Path]) -> None:
    with pytest.raises(ImageAlteredError):
        book.cases.add(NewImage(photos[0], sha256="0" * 64), copy=True)
    assert book.cases.count() == 0


def test_a_file_that_is_not_there_is_said_to_be_so(book: Casebook, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError):
        book.cases.add(tmp_path / "nowhere.png")


def test_labels_have_a_history_and_can_be_taken_away(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0])
    for value in (1, 0, None):
        book.cases.set_label(case, value)
    assert [row.value for row in book.cases.labels(case)] == [1, 0, None]
    assert book.cases.get(case).label is None
    with pytest.raises(ValueError, match="label"):
        book.cases.set_label(case, 2)


def test_a_label_on_a_case_that_is_not_there_changes_nothing(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0])
    head = book.head()
    with pytest.raises(CasebookError):
        book.cases.set_label([case, 999], 1)
    assert book.cases.get(case).label is None
    assert book.head() == head


def test_notes_tags_review_time_and_task_are_kept(book: Casebook, photos: list[Path]) -> None:
    one, two = book.cases.add_all(photos[:2])
    book.cases.set_notes(one, "pleural effusion, “left”")
    book.cases.set_tags([one, two], ["b", "a ", "", "b"])
    book.cases.add_tag(one, "ü")
    book.cases.set_review([one, two], "done")
    book.cases.add_time(one, 2.5)
    book.cases.add_time(one, 1.5)
    book.cases.set_task(two, "face-synthetic")
    row = book.cases.get(one)
    assert (row.notes, row.tags, row.review, row.seconds) == ("pleural effusion, “left”", ("a", "b", "ü"), "done", 4.0)
    assert book.cases.get(two).task == "face-synthetic"
    assert book.cases.tags() == ["a", "b", "ü"]


def test_every_filter_finds_what_it_says_and_nothing_else(book: Casebook, kill) -> None:
    ids = add(book, 10)
    book.cases.set_label(ids[:3], 1)
    book.cases.set_label(ids[3:5], 0)
    for case in ids[:4]:
        row = book.analyses.add(case, kill.make_analysis(book.cases.get(case).sha256, case))
        book.analyses.set_agreement(row, energy=case / 10)
    predicted = {case: book.cases.get(case).predicted for case in ids[:4]}
    book.cases.set_review(ids[9], "flagged")
    book.cases.add_tag(ids[8], "100%")
    book.cases.set_notes(ids[7], "under_score")
    book.cases.set_task(ids[6], "chest-xray")
    book.masks.save(ids[5], Mask.from_array(np.ones((4, 4), bool), "effusion"))
    book.trash.put(ids[4])

    def found(**where: object) -> list[int]:
        return [row.id for row in book.cases.rows(CaseFilter(**where))]  # type: ignore[arg-type]

    live = [i for i in ids if i != ids[4]]
    assert found() == live
    assert found(trashed=True) == [ids[4]]
    assert found(trashed=None) == ids
    assert found(label=1) == ids[:3]
    assert found(label=0) == [ids[3]]
    assert found(label="none") == ids[5:]
    assert found(verdict="any") == ids[:4]
    assert found(verdict=1) == [i for i in ids[:4] if predicted[i] == 1]
    labels = dict(zip(ids[:4], [1, 1, 1, 0], strict=True))
    assert found(disagrees=True) == [i for i in ids[:4] if predicted[i] != labels[i]]
    assert found(disagrees=False) == [i for i in ids[:4] if predicted[i] == labels[i]]
    assert found(energy=(0.15, 0.35)) == ids[1:3]
    assert found(model="kill-test", model_version="1") == ids[:4]
    assert found(model="other") == []
    assert found(review=("flagged", "done")) == [ids[9]]
    assert found(tag="100%") == [ids[8]]
    assert found(text="100%") == [ids[8]]
    assert found(text="R_SCORE case") == [ids[7]]
    assert found(text="nothing_like_it") == []
    assert found(text="effusion") == [ids[5]]
    assert found(task="chest-xray") == [ids[6]]
    assert found(has_mask=True) == [ids[5]]
    assert ids[5] not in found(has_mask=False)
    assert sorted(found(side="train") + found(side="holdout")) == live
    assert found(ids=(ids[2], ids[0])) == [ids[0], ids[2]]
    added = book.cases.get(ids[0]).added
    assert found(added_since=added, added_until=added) == [ids[0]]
    assert found(kind="photograph") == []
    assert book.cases.count(CaseFilter(label=1)) == 3


def test_sorting_puts_missing_values_last_and_disagreement_first(book: Casebook, kill) -> None:
    ids = add(book, 8)
    for case in ids[:6]:
        book.analyses.add(case, kill.make_analysis(book.cases.get(case).sha256, case))
    rows = {case: book.cases.get(case) for case in ids}
    for case in ids[:3]:
        book.cases.set_label(case, 1 - (rows[case].predicted or 0))  # the model is wrong
    book.cases.set_label(ids[3], rows[ids[3]].predicted)

    by_margin = sorted(ids[:6], key=lambda i: rows[i].margin or 0)
    assert [row.id for row in book.cases.rows(sort="margin")] == by_margin + ids[6:]
    assert [row.id for row in book.cases.rows(sort="margin", descending=True)] == by_margin[::-1] + ids[6:]
    wrong = sorted(ids[:3], key=lambda i: -(rows[i].margin or 0))
    doubtful = sorted(ids[3:6], key=lambda i: rows[i].margin or 0)
    assert [row.id for row in book.cases.rows(sort="disagreement")] == wrong + doubtful + ids[6:]
    names = [row.name for row in book.cases.rows(sort="name", descending=True)]
    assert names == [f"case {i:03}" for i in range(7, -1, -1)]


def test_every_sort_order_works(book: Casebook) -> None:
    from divisive_desktop.casebook import SORTS

    ids = add(book, 3)
    for name in SORTS:
        assert sorted(row.id for row in book.cases.rows(sort=name)) == ids


def test_the_trash_keeps_everything_until_it_is_emptied(book: Casebook, photos: list[Path], kill) -> None:
    keep, gone = book.cases.add_all(photos[:2])
    for case in (keep, gone):
        book.cases.set_label(case, 1)
        book.masks.save(case, Mask.from_array(np.full((30, 40), case, np.uint8)))
        book.analyses.add(case, kill.make_analysis(book.cases.get(case).sha256, case))
    book.trash.put(gone)
    assert [row.id for row in book.cases.rows()] == [keep]
    assert book.cases.find(book.cases.get(gone).sha256) is None
    book.trash.restore(gone)
    assert book.masks.load(gone) is not None
    copy = book.originals.path(gone)
    book.trash.put(gone)
    assert book.trash.empty() == 1
    with pytest.raises(CasebookError):
        book.cases.get(gone)
    assert not copy.exists()
    assert photos[1].exists(), "the original was touched"
    assert book.masks.load(keep) is not None
    assert book.originals.path(keep).exists()
    acts = [record.act for record in book.audit.trail()]
    assert "delete" in acts
    assert "empty-trash" in acts
    assert book.cases.add(photos[1]) > gone, "an id was used twice"


def test_adding_an_image_again_takes_it_out_of_the_trash(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0])
    book.cases.set_label(case, 1)
    book.trash.put(case)
    assert book.cases.add(photos[0]) == case
    assert book.cases.get(case).trashed is None
    assert book.cases.get(case).label == 1


def test_garbage_collection_spares_what_is_being_imported(book: Casebook, photos: list[Path]) -> None:
    name = hash_file(photos[0]) + ".png"
    with book.blobs.expecting() as expect:
        expect(name)
        book.blobs.put_copy(photos[0], name[:64], ".png")
        assert book.trash.collect_garbage() == 0
    assert book.trash.collect_garbage() == 1
    assert book.trash.collect_garbage() == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_thousand_cases_are_kept_listed_and_verified(book: Casebook) -> None:
    from divisive_desktop.casebook import verify

    here = Path(__file__)
    for start in range(0, 20_000, 1000):
        numbers = range(start, start + 1000)
        book.cases.add_all([NewImage(here, f"{i:064x}", kind="radiograph", name=f"n{i}") for i in numbers], copy=False)
    rows = book.cases.rows(CaseFilter(text="n1999"), sort="name", descending=True)
    assert [row.name for row in rows][:2] == ["n19999", "n19998"]
    assert len(rows) == 11
    assert book.cases.count() == 20_000
    book.close()
    report = verify(book.path, originals=False)
    assert report.ok, report.breaks[:3]
    assert report.records >= 20_000
