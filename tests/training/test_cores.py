"""Work on several cores: in order, few ahead, one torch thread each, and what fails ends it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from divisive_desktop.errors import CancelledError
from divisive_desktop.training.cores import Cores, usable_cores
from divisive_desktop.training.trunk_features import unless


def test_results_come_in_order_from_threads_that_compute_with_one_core_each() -> None:
    usual, both = torch.get_num_threads(), threading.Barrier(3)

    def work(i: int) -> tuple[int, int, str]:
        both.wait(10)  # nobody goes on alone: three threads are at work
        return i, torch.get_num_threads(), threading.current_thread().name

    with Cores(3) as cores:
        found = list(cores.map(work, range(9)))
        assert cores.run(torch.get_num_threads) == 1
    assert [i for i, _, _ in found] == list(range(9))
    assert {n for _, n, _ in found} == {1}
    assert len({name for _, _, name in found}) == 3
    assert torch.get_num_threads() == usual


@pytest.mark.parametrize("count", [1, 3])
def test_items_are_taken_as_they_are_needed(count: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for i in range(100):
            taken.append(i)
            yield i

    with Cores(count) as cores:
        results = cores.map(lambda i: i * i, items())
        assert [next(results) for _ in range(3)] == [0, 1, 4]
        assert len(taken) <= 3 + 2 * count
        results.close()


@pytest.mark.parametrize("count", [1, 2])
def test_what_raises_ends_it(count: int) -> None:
    def fails(i: int) -> int:
        if i == 5:
            raise ValueError("five")
        return i

    found: list[int] = []
    with Cores(count) as cores, pytest.raises(ValueError, match="five"):
        found.extend(cores.map(fails, range(100)))
    assert found == list(range(5))


def test_cancelling_is_asked_before_every_item() -> None:
    asked = iter([False, False, True])
    with Cores(2) as cores, pytest.raises(CancelledError):
        list(cores.map(lambda i: i, unless(lambda: next(asked), range(10))))


def test_there_is_at_least_one_core() -> None:
    assert 1 <= usable_cores("cpu") <= torch.get_num_threads()
