"""What a skill of the offline model is: it knows its requests, the tool calls they need, and how to put the answer."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from agents.llm.offline.conversation import Observation, Turn


@dataclass(frozen=True, slots=True)
class WantedCall:
    """A tool call that a skill wants made."""

    tool: str
    arguments: Mapping[str, Any]


class Skill(ABC):
    """One kind of work. Skills hold no state: everything is read from the turn."""

    name: ClassVar[str]

    @abstractmethod
    def fits(self, turn: Turn) -> bool:
        """Return whether the instruction asks for this kind of work."""

    def calls(self, turn: Turn) -> tuple[WantedCall, ...]:
        """Return the calls of the work's only round, made together; none when no tool is needed."""
        del turn
        return ()

    @abstractmethod
    def answer(self, turn: Turn) -> str:
        """Return the answer in Markdown, from the observations when there were calls."""


def failure_sentence(observation: Observation) -> str:
    """Return one honest sentence on a tool call that did not work."""
    return f"The tool `{observation.tool}` failed: {observation.error_message} ({observation.error_code})."


def program_result(observation: Observation) -> tuple[dict[str, Any] | None, str]:
    """Return the JSON object that a program printed, or None and why there is none.

    Args:
        observation: What came of a call of the tool `python`.
    """
    failure = _program_failure(observation)
    if failure:
        return None, failure
    value = _last_json_object(str(_output(observation).get("stdout") or ""))
    return (value, "") if value is not None else (None, "The program printed nothing that could be read.")


def program_text(observation: Observation) -> tuple[str | None, str]:
    """Return what a program printed, or None and why it failed."""
    failure = _program_failure(observation)
    return (None, failure) if failure else (str(_output(observation).get("stdout") or ""), "")


def _output(observation: Observation) -> Mapping[str, Any]:
    return observation.output if isinstance(observation.output, Mapping) else {"stdout": observation.output}


def _program_failure(observation: Observation) -> str:
    if not observation.ok:
        return failure_sentence(observation)
    output = _output(observation)
    outcome, exit_code = output.get("outcome", "ok"), output.get("exit_code", 0)
    if outcome == "ok" and not exit_code:
        return ""
    lines = str(output.get("stderr") or "").strip().splitlines()
    why = lines[-1] if lines else str(output.get("message") or "it said nothing")
    return f"The program did not succeed (outcome {outcome}, exit code {exit_code}): {why}"


def _last_json_object(text: str) -> dict[str, Any] | None:
    for line in reversed(text.strip().splitlines()):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            return value
    return None
