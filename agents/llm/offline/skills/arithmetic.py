"""Calculations, by the calculator (or by Python where there is none)."""

import re
from typing import Final

from agents.llm.offline.conversation import Observation, Turn
from agents.llm.offline.planner.parts import focus_in, refers_back
from agents.llm.offline.skills.base import Skill, WantedCall, failure_sentence, program_text
from agents.llm.offline.skills.expressions import Calculation, calculations_in

CALCULATOR: Final = "calculator"
PYTHON: Final = "python"
_RESULT: Final = re.compile(r"(?:=|\bis)\s*\**\s*(-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)", re.IGNORECASE)
_NUMBER: Final = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_POINTER: Final = re.compile(
    r"\b(?:the (?:previous |first )?(?:result|answer|number|sum|product|total|output)|that (?:result|number)|it)\b",
    re.IGNORECASE,
)


class ArithmeticSkill(Skill):
    """Works out what is written as an expression or in words (`17% of 2,340`, `the square root of 2`)."""

    name = "arithmetic"

    def fits(self, turn: Turn) -> bool:
        """Whether there is something to calculate; the operand may come from an earlier result."""
        return bool(_calculations(turn)) or (turn.dependencies == "(to come)" and _will_calculate(turn))

    def calls(self, turn: Turn) -> tuple[WantedCall, ...]:
        """One call for each calculation."""
        calculations = _calculations(turn)
        if CALCULATOR in turn.tools:
            if not calculations:
                return (WantedCall(CALCULATOR, {}),)
            argument = (turn.tools[CALCULATOR].arguments or ("expression",))[0]
            return tuple(WantedCall(CALCULATOR, {argument: found.expression}) for found in calculations)
        if PYTHON in turn.tools and calculations:
            imports = "from math import *\nfrom statistics import mean, median, stdev\n"
            return tuple(WantedCall(PYTHON, {"code": f"{imports}print({found.expression})"}) for found in calculations)
        return ()

    def answer(self, turn: Turn) -> str:
        """One line for each calculation."""
        calculations = _calculations(turn)
        observations = turn.observed(CALCULATOR) or turn.observed(PYTHON)
        if not observations:
            wanted = ", ".join(f"`{found.expression}`" for found in calculations)
            return f"This needs {wanted} worked out, but neither `calculator` nor `python` was offered to me."
        return "\n".join(_line(found, seen) for found, seen in zip(calculations, observations, strict=False))


def _line(calculation: Calculation, observation: Observation) -> str:
    value, failure = _value(observation)
    if value is None:
        return f"- `{calculation.expression}` could not be worked out. {failure}"
    asked = "" if _same(calculation) else f"{calculation.asked}: "
    return f"- {asked}`{calculation.expression}` = **{value}**"


def _same(calculation: Calculation) -> bool:
    return calculation.asked.replace(" ", "") == calculation.expression.replace(" ", "")


def _value(observation: Observation) -> tuple[str | None, str]:
    if observation.tool == PYTHON:
        text, failure = program_text(observation)
        return (None, failure) if text is None else (text.strip(), "")
    if not observation.ok:
        return None, failure_sentence(observation)
    output = observation.output
    if isinstance(output, dict):
        output = output.get("text", output.get("result"))
    return str(output), ""


def _calculations(turn: Turn) -> tuple[Calculation, ...]:
    _, instruction = focus_in(turn.instruction)
    if turn.dependencies and refers_back(instruction):
        number = _dependency_number(turn.dependencies)
        if number is not None:
            instruction = _POINTER.sub(number, instruction, count=1)
    return calculations_in(instruction)


def _will_calculate(turn: Turn) -> bool:
    """While planning: whether there is a calculation once an earlier result stands in for `the result`."""
    return bool(calculations_in(_POINTER.sub("1", turn.instruction, count=1)))


def _dependency_number(text: str) -> str | None:
    found = _RESULT.findall(text) or _NUMBER.findall(text)
    return str(found[-1]).replace(",", "") if found else None
