"""Processes that are forked from one and kept by it: each is a real process, told of by what it prints."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

BEGIN = """
import os, signal, sys, threading
from shannon_project.foundation import siblings
def say(*words):  # in one write, which those of others cannot fall into
    os.write(1, f"{' '.join(map(str, words))}\\n".encode())
"""
LIVE = """
def told(number, _):
    say("told", place, signal.Signals(number).name)
    sys.exit(0)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
    signal.signal(number, told)
assert place == siblings.place()
say("born", place, os.getpid())
while True:
    signal.pause()
"""
TWO = f"{BEGIN}\nplace = siblings.forked(2)\n{LIVE}"

Start = Callable[[str], "Family"]


class Family:
    """A process that forks, and the lines of all."""

    def __init__(self, program: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        self.pids: dict[int, int] = {}

    def said(self) -> tuple[str, ...]:
        """Return the next of the lines that the test is about; empty when every process has ended."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            words = tuple(line.split())
            if words[:1] == ("born",):
                self.pids[int(words[1])] = int(words[2])
            if words[:1] in {("born",), ("told",)}:
                return words
        return ()

    def rest(self) -> list[tuple[str, ...]]:
        """Return all lines until every process has ended."""
        return sorted(iter(self.said, ()))


@pytest.fixture
def start() -> Iterator[Start]:
    families: list[Family] = []

    def started(program: str) -> Family:
        families.append(Family(program))
        return families[-1]

    yield started
    for family in families:
        family.process.kill()  # the others get SIGTERM then
        family.process.wait()
        family.rest()
        assert family.process.stdout is not None
        family.process.stdout.close()


def begun(family: Family, count: int = 2) -> Family:
    while len(family.pids) < count:
        assert family.said(), "all of them ended"
    return family


def test_one_that_is_killed_is_replaced_in_its_place_and_the_other_stays(start: Start) -> None:
    family = begun(start(TWO))
    before = dict(family.pids)
    os.kill(before[1], signal.SIGKILL)
    assert family.said()[:2] == ("born", "1")
    assert family.pids[0] == before[0]
    assert family.pids[1] != before[1]
    os.kill(before[0], 0)  # it is there


@pytest.mark.parametrize(
    ("sent", "heard"),
    [("SIGTERM", "SIGTERM"), ("SIGINT", "SIGINT"), ("SIGQUIT", "SIGQUIT"), ("SIGHUP", "SIGTERM")],
)
def test_a_signal_is_handed_on_and_all_end(sent: str, heard: str, start: Start) -> None:
    family = begun(start(TWO))
    family.process.send_signal(getattr(signal, sent))
    assert family.rest() == [("told", "0", heard), ("told", "1", heard)]
    assert family.process.wait() == 0


def test_all_are_told_when_the_one_that_forked_them_is_killed(start: Start) -> None:
    family = begun(start(TWO))
    family.process.kill()
    assert family.rest() == [("told", "0", "SIGTERM"), ("told", "1", "SIGTERM")]


def test_one_that_cannot_begin_ends_all_with_its_code(start: Start) -> None:
    fork = """
siblings.SOUND_SECONDS = 1_000.0
other_is_born, tell = os.pipe()
place = siblings.forked(2)
if place:
    os.read(other_is_born, 1)
    os._exit(3)
"""
    family = start(f"{BEGIN}{fork}{LIVE}".replace("while True", "os.write(tell, b'.')\nwhile True"))
    assert family.said()[:2] == ("born", "0")
    assert family.rest() == [("told", "0", "SIGTERM")]
    assert family.process.wait() == 3


def test_one_that_keeps_dying_is_not_started_for_ever(start: Start) -> None:
    fork = "siblings.SOUND_SECONDS, siblings.FAILED_MOST = 1_000.0, 1\nplace = siblings.forked(2)\n"
    family = begun(start(f"{BEGIN}{fork}{LIVE}"))
    for _ in range(2):
        os.kill(family.pids[1], signal.SIGKILL)
        said = family.said()
    assert said == ("told", "0", "SIGTERM")
    assert family.rest() == []
    assert family.process.wait() == 1


def test_a_process_with_threads_does_not_fork(start: Start) -> None:
    fork = """
threading.Thread(target=threading.Event().wait, daemon=True).start()
siblings.ENDING_SECONDS = 0.0
try:
    siblings.forked(2)
except RuntimeError:
    say("told")
"""
    assert start(f"{BEGIN}{fork}").rest() == [("told",)]


def test_a_thread_that_is_about_to_end_is_waited_for(start: Start) -> None:
    fork = """
siblings.ENDING_SECONDS = 1_000.0
threading.Thread(target=lambda: signal.sigtimedwait([], 0.2)).start()
place = siblings.forked(2)
"""
    family = begun(start(f"{BEGIN}{fork}{LIVE}"))
    assert sorted(family.pids) == [0, 1]
