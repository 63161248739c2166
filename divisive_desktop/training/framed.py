"""Examples cut as an analysis would cut them: a model is measured on what its users will have it look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from divisive_desktop.imaging.framing import Finds, automatic
from divisive_desktop.imaging.framing_rule import FramingRule
from divisive_desktop.imaging.opening import open_image
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.training.cores import Cores, usable_cores
from divisive_desktop.training.dataset import Example


def framed(
    examples: Sequence[Example], rule: FramingRule, find: Callable[[ImageRecord], Finds],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Example]:
    """The examples with the part around what is found in each; those in which nothing is found are left out.

    A part that an analyst has chosen stays as it is. Masks are of the whole picture and stay so, too.

    Parameters
    ----------
    find : callable
        Looks for faces or irises in a picture.
    """

    def one(example: Example) -> Example | None:
        if example.crop is not None:
            return example
        record = open_image(example.file, example.frame, example.correction)
        framing = automatic(find(record), rule, record.width, record.height)
        return None if framing is None else replace(example, crop=framing.crop)

    found = []
    with Cores(usable_cores("cpu")) as cores:
        for done, example in enumerate(cores.map(one, examples), 1):
            if example is not None:
                found.append(example)
            progress(done, len(examples))
    return found
