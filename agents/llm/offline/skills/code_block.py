"""Runs Python that the request itself contains."""

import re
from typing import Final

from agents.llm.offline.conversation import Turn
from agents.llm.offline.skills.base import Skill, WantedCall, program_text

PYTHON: Final = "python"
CODE: Final = "code"
_BLOCK: Final = re.compile(r"```(?:python|py)?[ \t]*\n(?P<code>.*?)```", re.DOTALL | re.IGNORECASE)
_TOOL_CALL: Final = re.compile(r"\btools\.\w+\(")
_INLINE: Final = re.compile(
    r"\b(?:run|execute|evaluate)\b[^`:\n]{0,40}\b(?:python|code|program)\b[^`:\n]{0,40}:?\s{0,4}`(?P<code>[^`]+)`",
    re.IGNORECASE,
)


class CodeBlockSkill(Skill):
    """Runs a fenced block of Python as it stands; the sandbox is what makes that safe."""

    name = "code block"

    def fits(self, turn: Turn) -> bool:
        """Whether there is a block of code."""
        return _code(turn) is not None

    def calls(self, turn: Turn) -> tuple[WantedCall, ...]:
        """The block."""
        code = _code(turn)
        tool = _tool(turn)
        return (WantedCall(tool, {"code": code}),) if code and tool in turn.tools else ()

    def answer(self, turn: Turn) -> str:
        """What it printed."""
        tool = _tool(turn)
        observations = turn.observed(tool)
        if not observations:
            return f"Running this program needs the tool `{tool}`, which was not offered to me."
        text, failure = program_text(observations[-1])
        if text is None:
            return failure
        return (
            f"The program printed:\n\n```\n{text.rstrip()}\n```"
            if text.strip()
            else "The program ran and printed nothing."
        )


def _tool(turn: Turn) -> str:
    """Return what runs the program: one that calls tools needs the tool that lets it."""
    return CODE if _TOOL_CALL.search(_code(turn) or "") else PYTHON


def _code(turn: Turn) -> str | None:
    found = _BLOCK.search(turn.instruction) or _INLINE.search(turn.instruction)
    return found["code"].strip() if found else None
