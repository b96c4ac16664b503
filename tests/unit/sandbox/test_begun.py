"""When a host's program began."""

import os
import struct
import time
from collections.abc import Iterator

import pytest

from sandbox.host.begun import Begun, begun


@pytest.fixture
def noted() -> Iterator[Begun]:
    """A pipe whose two ends are both here."""
    pipe = Begun()
    yield pipe
    pipe.close()


def test_a_program_has_begun_when_its_host_has_noted_it(noted: Begun) -> None:
    noted.next_run()
    assert noted.at() is None
    before = time.monotonic()
    begun(noted.write_fd, 1)
    at = noted.at()
    assert at is not None
    assert before <= at <= time.monotonic()
    assert noted.at() == at
    os.close(noted.write_fd)


def test_the_note_of_one_run_is_not_taken_for_that_of_the_next(noted: Begun) -> None:
    noted.next_run()
    begun(noted.write_fd, 1)
    noted.next_run()
    assert noted.at() is None
    begun(noted.write_fd, 2)
    assert noted.at() is not None
    noted.next_run()
    assert noted.at() is None
    os.close(noted.write_fd)
    assert noted.at() is None  # nor is the end of the pipe


@pytest.mark.parametrize("said", [float("nan"), float("inf"), -1.0, 0.0, 1e12])
def test_a_host_cannot_lengthen_its_time_by_a_false_note(noted: Begun, said: float) -> None:
    earliest = time.monotonic()
    noted.next_run()
    os.write(noted.write_fd, struct.pack("!Qd", 1, said))
    at = noted.at()
    assert at is not None
    assert earliest <= at <= time.monotonic()
    os.close(noted.write_fd)


def test_a_note_that_nobody_reads_does_not_hold_the_host(noted: Begun) -> None:
    for run in range(1, 20_000):
        begun(noted.write_fd, run)
    os.close(noted.write_fd)
    begun(-1, 1)


def test_notes_that_are_never_looked_at_leave_room_for_the_one_that_is(noted: Begun) -> None:
    """The pipe holds 4,096 of them."""
    for run in range(1, 20_000):
        noted.next_run()
        begun(noted.write_fd, run)
    assert noted.at() is not None
    os.close(noted.write_fd)


@pytest.mark.parametrize("junk", [b"x", bytes(15), b"x" * 17])
def test_what_is_no_note_counts_as_one(noted: Begun, junk: bytes) -> None:
    noted.next_run()
    os.write(noted.write_fd, junk)
    assert noted.at() is not None
    os.close(noted.write_fd)
