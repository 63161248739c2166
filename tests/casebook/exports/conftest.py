"""A casebook that is worth taking along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.casebook import Casebook
from divisive_desktop.masks.mask import Mask


@pytest.fixture
def filled(book: Casebook, photos: list[Path], kill) -> Casebook:
    ids = [*book.cases.add_all(photos[:2]), book.cases.add(photos[2], copy=False)]
    for case in ids:
        book.cases.set_label(case, 1)
        book.masks.save(case, Mask.from_array(np.full((30, 40), case, np.uint8)))
        book.analyses.add(case, kill.make_analysis(book.cases.get(case).sha256, case))
    return book
