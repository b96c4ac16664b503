"""The small local model leaves room on the machine for those who ask it."""

import pytest

from shannon_project.embedded.llama import processors_usable, threads_of


@pytest.mark.parametrize(("processors", "threads"), [(1, 1), (2, 1), (3, 1), (4, 2), (16, 8)])
def test_half_of_the_processors_compute_and_one_at_least(processors: int, threads: int) -> None:
    assert threads_of(processors) == threads


def test_only_processors_that_this_process_may_use_are_counted() -> None:
    assert processors_usable() >= 1
