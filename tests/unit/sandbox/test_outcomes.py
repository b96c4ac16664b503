"""From what was seen of a run to its outcome."""

from typing import Any

import pytest

from sandbox.runtimes.endings import Captured, Ending, GuestExit
from sandbox.runtimes.outcomes import message_for, outcome_of
from sandbox.runtimes.wasm_module import memory_tier_bytes
from sandbox.types import Outcome, SandboxLimits

MEBIBYTE = 1024 * 1024


def ending(
    *, exit_code: int | None = 0, stderr: bytes = b"", stopped_for: Outcome | None = None, truncated: bool = False
) -> Ending:
    output, errors = Captured(10), Captured(10_000)
    output.add(b"x" * (11 if truncated else 1))
    errors.add(stderr)
    return Ending(stopped_for, GuestExit(exit_code, "unreachable"), output, errors, 0.1)


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        (ending(), Outcome.OK),
        (ending(exit_code=3), Outcome.FAILED),
        (ending(exit_code=1, stderr=b"Traceback\nMemoryError\n"), Outcome.MEMORY_EXCEEDED),
        (ending(exit_code=1, stderr=b"MemoryError: Parser stack overflowed\n"), Outcome.FAILED),
        (ending(exit_code=1, stderr=b"MemoryError\nValueError: no\n"), Outcome.FAILED),
        (ending(exit_code=0, stderr=b"MemoryError\n"), Outcome.OK),
        (ending(exit_code=None), Outcome.CRASHED),
        (ending(truncated=True), Outcome.OUTPUT_EXCEEDED),
        (ending(exit_code=None, stopped_for=Outcome.TIMEOUT, truncated=True), Outcome.TIMEOUT),
    ],
)
def test_an_ending_has_one_outcome(seen: Ending, outcome: Outcome) -> None:
    assert outcome_of(seen) is outcome


def test_every_outcome_but_ok_has_a_sentence() -> None:
    sentences = {outcome: message_for(outcome, SandboxLimits(), ending(exit_code=2)) for outcome in Outcome}
    assert {outcome for outcome, sentence in sentences.items() if not sentence} == {Outcome.OK}


def test_captured_output_keeps_its_head_and_says_that_there_was_more() -> None:
    captured = Captured(5)
    captured.add(b"abc")
    assert not captured.truncated
    captured.add(b"def")
    captured.add(b"ghi")
    assert (captured.text(), captured.truncated) == ("abcde", True)


@pytest.mark.parametrize(("asked", "applied"), [(1, 32), (32, 32), (33, 32), (64, 64), (300, 256), (4096, 2048)])
def test_memory_caps_are_few_and_never_above_what_is_asked_except_the_least(asked: int, applied: int) -> None:
    assert memory_tier_bytes(asked * MEBIBYTE) == applied * MEBIBYTE


@pytest.mark.parametrize(
    "wrong", [{"wall_seconds": 0}, {"memory_bytes": -1}, {"output_bytes": 0}, {"file_count": 0}, {"wait_seconds": -1}]
)
def test_limits_that_limit_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        SandboxLimits(**wrong)
