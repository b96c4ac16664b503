"""Reasoning and acting: the skills say which calls are wanted; one is made a turn."""

import json
import re
from typing import Any, Final

from agents.llm.offline.conversation import Observation, OfferedTool, Turn
from agents.llm.offline.forms.asked import BY_RULES, Asked, marked, plain_answer, turn_of
from agents.llm.offline.skills import final_answer, next_calls

_ACTION: Final = re.compile(r"^Action: (?P<tool>\S+) (?P<arguments>\{.*\})$", re.MULTILINE | re.DOTALL)
_SCHEMA: Final = re.compile(r"^- (?P<name>[\w.-]+): .* Arguments: (?P<schema>\{.*\})$", re.MULTILINE)


def react(asked: Asked) -> dict[str, Any]:
    """Make the next call that a skill wants, or answer."""
    tools = {found["name"]: _offered(found["name"], found["schema"]) for found in _schemas(asked)}
    seen = _observations(asked)
    turn = turn_of(asked.query, tools, asked.files)
    calls = next_calls(turn)
    if len(seen) < len(calls):
        return _call(calls[len(seen)].tool, dict(calls[len(seen)].arguments), len(calls) - len(seen))
    turn = Turn(turn.instruction, "", turn.files, turn.tools, (), seen)
    more = next_calls(turn) if seen else ()
    if more and not any(item.tool == more[0].tool and item.arguments == more[0].arguments for item in seen):
        return _call(more[0].tool, dict(more[0].arguments), 1)
    answer = final_answer(turn) if seen else plain_answer(asked.query)
    return {
        "thought": f"{BY_RULES}: nothing more is to be looked up.",
        "action": "answer",
        "tool": "",
        "arguments": "{}",
        "answer": marked(answer),
    }


def _schemas(asked: Asked) -> list[re.Match[str]]:
    return list(_SCHEMA.finditer(asked.sections.get("Tools", "")))


def _call(tool: str, arguments: dict[str, Any], left: int) -> dict[str, Any]:
    return {
        "thought": f"{BY_RULES}: {left} call(s) are needed; next is {tool}.",
        "action": "tool",
        "tool": tool,
        "arguments": json.dumps(arguments, ensure_ascii=False),
        "answer": "",
    }


def _offered(name: str, schema_text: str) -> OfferedTool:
    try:
        schema = json.loads(schema_text)
    except ValueError:
        schema = {}
    required = list(schema.get("required") or ())
    return OfferedTool(name, (*required, *(key for key in schema.get("properties") or {} if key not in required)))


def _observations(asked: Asked) -> tuple[Observation, ...]:
    """Pair each call that a turn made with what came back."""
    seen: list[Observation] = []
    called: tuple[str, dict[str, Any]] | None = None
    for result in asked.results:
        action = _ACTION.search(result.text)
        if action is not None:
            called = (action["tool"], _json(action["arguments"]))
        elif called is not None:
            answered = _json(result.text)
            error = answered.get("error") or {}
            message = str(error.get("message") or result.text)
            code = str(error.get("code") or "ERROR")
            is_ok = bool(answered.get("ok"))
            seen.append(Observation(*called, is_ok, answered.get("output"), "" if is_ok else code, message))
            called = None
    return tuple(seen)


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
