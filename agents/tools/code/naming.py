"""What a program calls tools by: names and positions of Python, put into the arguments of a tool."""

import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from agents.errors import ToolInputInvalid
from agents.tools.base import Tool
from sandbox.program_types import ProgramCall

_UNFIT: Final = re.compile(r"\W")


@dataclass(frozen=True, slots=True)
class ToolSignature:
    """A tool as a program sees it.

    Attributes:
        function: Its name in Python.
        name: Its own name.
        parameters: Names of its arguments, the required ones first: what stands without a name goes to them in order.
    """

    function: str
    name: str
    parameters: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**asdict(self), "parameters": list(self.parameters)}


def signatures_of(tools: Iterable[Tool]) -> list[ToolSignature]:
    """Return the signatures of tools; of two that would have one name in Python, the first by its own name has it."""
    found: dict[str, ToolSignature] = {}
    for tool in sorted(tools, key=lambda tool: tool.name):
        function = _UNFIT.sub("_", tool.name)
        if function.isidentifier() and not keyword.iskeyword(function):
            found.setdefault(function, ToolSignature(function, tool.name, _parameters(tool.parameters)))
    return list(found.values())


def arguments_of(call: ProgramCall, signature: ToolSignature) -> dict[str, Any]:
    """Return a call's arguments by name.

    Raises:
        ToolInputInvalid: More stand without a name than the tool has, or one is given twice (the program's fault).
    """
    if len(call.args) > len(signature.parameters):
        raise ToolInputInvalid(
            f"{signature.function} takes {len(signature.parameters)} arguments: {', '.join(signature.parameters)}."
        )
    given = dict(zip(signature.parameters, call.args, strict=False))
    twice = sorted(given.keys() & call.kwargs.keys())
    if twice:
        raise ToolInputInvalid(f"{signature.function} was given {twice[0]} twice.")
    return {**given, **call.kwargs}


def _parameters(schema: Mapping[str, Any]) -> list[str]:
    properties = list(schema.get("properties") or {})
    required = [name for name in schema.get("required") or () if name in properties]
    return [*required, *(name for name in properties if name not in required)]
