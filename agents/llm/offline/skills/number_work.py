"""Small number programs: primes, Fibonacci numbers, days between two dates."""

import json
import re
from collections.abc import Callable
from typing import Any, Final

from agents.llm.offline.conversation import Turn
from agents.llm.offline.programs import program
from agents.llm.offline.skills.base import Skill, WantedCall, program_result
from agents.llm.offline.wording import NUMBER_WORDS

PYTHON: Final = "python"
_MAX_COUNT: Final = 2_000
_COUNT: Final = rf"(?P<count>\d+|{'|'.join(NUMBER_WORDS)})"


def _counted(operation: str) -> Callable[[re.Match[str]], tuple[str, list[Any]]]:
    def read(found: re.Match[str]) -> tuple[str, list[Any]]:
        word = found["count"].lower()
        return operation, [min(NUMBER_WORDS.get(word) or int(word), _MAX_COUNT)]

    return read


_TASKS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[str, list[Any]]]], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), read)
    for pattern, read in (
        (rf"first {_COUNT} primes?(?: numbers?)?", _counted("primes")),
        (rf"{_COUNT} first primes?", _counted("primes")),
        (rf"primes? (?:numbers? )?(?:below|under|less than|smaller than|up to) {_COUNT}", _counted("primes_below")),
        (r"\bis (?P<n>\d{1,12}) (?:a )?prime", lambda m: ("is_prime", [int(m["n"])])),
        (rf"first {_COUNT} fibonacci(?: numbers?)?", _counted("fibonacci")),
        (rf"fibonacci .{{0,30}}?\b{_COUNT} (?:terms|numbers)", _counted("fibonacci")),
        (
            r"\bdays\b[^.?!]{0,20} (?:between|from) (?P<a>\d{4}-\d\d-\d\d) (?:and|to|until) (?P<b>\d{4}-\d\d-\d\d)",
            lambda m: ("days_between", [m["a"], m["b"]]),
        ),
        (
            r"sort (?:these |the )?(?:numbers?:? ?)(?P<n>-?\d[\d., and-]*\d)",
            lambda m: ("numbers_sorted", [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", m["n"])]),
        ),
    )
)


class NumberWorkSkill(Skill):
    """Runs a program from a template in the sandbox."""

    name = "number work"

    def fits(self, turn: Turn) -> bool:
        """Whether the instruction names one of the programs."""
        return _task(turn) is not None

    def calls(self, turn: Turn) -> tuple[WantedCall, ...]:
        """One program."""
        task = _task(turn)
        if task is None or PYTHON not in turn.tools:
            return ()
        operation, arguments = task
        code = program("number_work", spec={"operation": operation, "arguments": arguments})
        return (WantedCall(PYTHON, {"code": code}),)

    def answer(self, turn: Turn) -> str:
        """What the program printed."""
        observations = turn.observed(PYTHON)
        if not observations:
            return "This needs a small program, but the tool `python` was not offered to me."
        result, failure = program_result(observations[-1])
        if result is None:
            return failure
        value = result.get("result")
        shown = ", ".join(str(item) for item in value) if isinstance(value, list) else json.dumps(value)
        return f"The result is **{shown}**."


def _task(turn: Turn) -> tuple[str, list[Any]] | None:
    for pattern, read in _TASKS:
        found = pattern.search(turn.instruction)
        if found:
            return read(found)
    return None
