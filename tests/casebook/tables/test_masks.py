from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.casebook import Casebook
from divisive_desktop.errors import CasebookDamagedError, CasebookError
from divisive_desktop.masks.mask import Mask


def painted() -> Mask:
    mask = Mask(40, 30)
    one = mask.add("effusion", "#112233", weight=0.5)
    two = mask.add("left eye blend", locked=True, visible=False)
    with mask.editing(one.id, (3, 4, 10, 12)) as pixels:
        pixels[:] = 200
    mask.restore(two.id, (0, 0, 5, 5), 255)
    return mask


def test_regions_come_back_with_pixels_and_settings(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0])
    assert book.masks.load(case) is None
    mask = painted()
    assert book.masks.save(case, mask, tool="brush")
    book.close()
    with Casebook.open(book.path) as again:
        back = again.masks.load(case)
        assert back is not None
        assert back.regions == mask.regions
        assert (back.union() == mask.union()).all()
        assert back.digest() == mask.digest()
        assert again.cases.get(case).region_names == ("effusion", "left eye blend")


def test_saving_the_same_mask_twice_is_one_act(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0])
    assert book.masks.save(case, painted())
    head = book.head()
    assert not book.masks.save(case, painted())
    assert book.head() == head


def test_an_emptied_mask_counts_as_none(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0])
    mask = painted()
    book.masks.save(case, mask)
    mask.restore(mask.regions[0].id, mask.box, 0)
    mask.restore(mask.regions[1].id, mask.box, 0)
    book.masks.save(case, mask, tool="clear")
    assert book.cases.get(case).regions == 0
    back = book.masks.load(case)
    assert back is not None
    assert len(back.regions) == 2


def test_superseded_strokes_leave_no_files_behind(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0])
    mask = painted()
    for value in range(1, 20):
        with mask.editing(mask.regions[0].id, (value, 0, 2, 2)) as pixels:
            pixels[:] = value
        book.masks.save(case, mask, tool="brush")
    book.close()
    assert len([p for p in (book.path / "blobs").rglob("*") if p.is_file()]) == 2  # the image's copy and the mask


def test_strokes_from_several_threads_are_all_kept(book: Casebook, photos: list[Path]) -> None:
    cases = book.cases.add_all(photos[:4])

    def paint(case: int) -> None:
        mask = Mask(40, 30)
        region = mask.add("r")
        for i in range(15):
            with mask.editing(region.id, (i, i, 1, 1)) as pixels:
                pixels[:] = 255
            book.masks.save(case, mask.snapshot(), tool="brush")

    threads = [threading.Thread(target=paint, args=(case,)) for case in cases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for case in cases:
        mask = book.masks.load(case)
        assert mask is not None
        assert np.count_nonzero(mask.union()) == 15
    assert sum(record.act == "mask" for record in book.audit.trail()) == 60


def test_a_missing_or_changed_mask_file_is_said_to_be_so(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0], copy=False)
    book.masks.save(case, painted())
    (blob,) = [p for p in (book.path / "blobs").rglob("*") if p.is_file()]
    good = blob.read_bytes()
    blob.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(CasebookDamagedError):
        book.masks.load(case)
    blob.unlink()
    with pytest.raises(CasebookDamagedError):
        book.masks.load(case)
    assert book.cases.get(case).regions == 2, "the rest of the casebook must go on working"
    mask = painted()
    mask.change(mask.regions[0].id, name="again")
    book.masks.save(case, mask)
    assert book.masks.load(case) is not None


def test_a_damaged_file_is_set_aside_when_its_content_is_written_again(book: Casebook, photos: list[Path]) -> None:
    one, two = book.cases.add_all(photos[:2], copy=False)
    book.masks.save(one, painted())
    (blob,) = [p for p in (book.path / "blobs").rglob("*") if p.is_file()]
    blob.write_bytes(b"damaged")
    book.masks.save(two, painted())
    assert book.masks.load(one) is not None
    assert [p.read_bytes() for p in (book.path / "damaged").iterdir()] == [b"damaged"]


def test_a_mask_needs_its_case(book: Casebook) -> None:
    with pytest.raises(CasebookError):
        book.masks.save(7, painted())
