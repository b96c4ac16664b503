"""Answers that must fit a JSON schema: checked here whatever the provider promised, and asked for once more."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from agents.llm.errors import ModelAnswerInvalid
from agents.llm.types import ModelPurpose, ModelReply, ModelRequest
from agents.loop.json_answers import json_in, problems_of
from shannon_project.foundation.errors import InvalidInput
from shannon_project.foundation.json_schemas import schema_problem

_REPAIR: Final = (
    "Your answer does not fit the JSON schema that was asked for:\n{problems}\n"
    "Answer again, with the JSON alone, complete and corrected."
)
_ANY_OBJECT: Final[Mapping[str, Any]] = {"type": "object"}


def schema_of(request: ModelRequest) -> Mapping[str, Any] | None:
    """Return the schema that is checked here; None: there is none, or who asked checks its form by itself.

    Plans, decisions and agents' answers are checked, and asked for once more, where they are read: that turn is
    recorded by itself. A direct call has nobody behind it.

    Raises:
        InvalidInput: It is no schema, or one that must not be used here (the caller's fault).
    """
    form = request.response_format
    if form is None or request.purpose != ModelPurpose.CHAT:
        return None
    if form.get("type") != "json_schema":
        return _ANY_OBJECT if form.get("type") == "json_object" else None
    described = form.get("json_schema")
    schema = described.get("schema") if isinstance(described, Mapping) else None
    if not isinstance(schema, Mapping):
        raise InvalidInput("response_format.json_schema.schema: must be a JSON schema.")
    problem = schema_problem(schema)
    if problem:
        raise InvalidInput(f"response_format.json_schema.schema: {problem}")
    return schema


def answer_checked(
    request: ModelRequest, schema: Mapping[str, Any], ask: Callable[[ModelRequest], ModelReply]
) -> ModelReply:
    """Ask, check, and ask once more if the answer does not fit; the text is then the JSON alone.

    Raises:
        ModelAnswerInvalid: The second answer did not fit either; `details.problems`. The model's fault.
    """
    reply = ask(request)
    problems = _problems(reply, schema)
    if problems:
        listed = "\n".join(f"- {problem}" for problem in problems)
        turns = [
            {"role": "assistant", "content": reply.text or "(nothing)"},
            {"role": "user", "content": _REPAIR.format(problems=listed)},
        ]
        reply = ask(replace(request, messages=[*request.messages, *turns]))
        problems = _problems(reply, schema)
    if problems:
        raise ModelAnswerInvalid(
            f"{reply.model} was asked twice and its answer does not fit the schema: {problems[0]}",
            details={"model": reply.model, "problems": problems},
        )
    return reply


def _problems(reply: ModelReply, schema: Mapping[str, Any]) -> Sequence[str]:
    if reply.tool_calls:
        return ()  # it has not answered yet
    found, value = json_in(reply.text)
    return problems_of(value, schema) if found else ["There is no JSON object or list in it."]
