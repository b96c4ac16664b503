"""The words of a caller's own that come before a task, and the form that its answer is to have."""

from collections.abc import Mapping
from string import Template
from typing import Any, Final

from shannon_project.foundation.errors import InvalidInput
from shannon_project.foundation.json_schemas import schema_problem

SYSTEM_PROMPT_MAX_CHARACTERS: Final = 8_000
SCHEMA_MAX_CHARACTERS: Final = 20_000


def system_prompt_of(context: Mapping[str, Any]) -> str:
    """Return the caller's prompt with `${name}` filled in from `prompt_params`.

    Raises:
        InvalidInput: It is no text, is too long, or names a parameter that is not given.
    """
    prompt, values = context.get("system_prompt"), context.get("prompt_params")
    if prompt is None and values is None:
        return ""
    if not isinstance(prompt, str) or not prompt.strip():
        raise InvalidInput("context.system_prompt: must be a text; prompt_params needs one.")
    if values is not None:
        if not isinstance(values, Mapping):
            raise InvalidInput("context.prompt_params: must be an object.")
        try:
            prompt = Template(prompt).substitute({name: str(value) for name, value in values.items()})
        except (KeyError, ValueError) as error:
            raise InvalidInput(f"context.system_prompt: cannot be filled in: {error}.") from error
    if len(prompt) > SYSTEM_PROMPT_MAX_CHARACTERS:
        raise InvalidInput(f"context.system_prompt: at most {SYSTEM_PROMPT_MAX_CHARACTERS} characters are allowed.")
    return prompt


def answer_schema_of(value: Any) -> Mapping[str, Any] | None:
    """Return the schema of an answer that is wanted as JSON, from OpenAI's `response_format`.

    Raises:
        InvalidInput: It is no such format, or the schema may not be used here.
    """
    if value is None or value == {"type": "text"}:
        return None
    if value == {"type": "json_object"}:
        return {"type": "object"}
    described = value.get("json_schema") if isinstance(value, Mapping) and value.get("type") == "json_schema" else None
    schema = described.get("schema") if isinstance(described, Mapping) else None
    if not isinstance(schema, Mapping):
        raise InvalidInput(
            'response_format: must be {"type": "text"}, {"type": "json_object"} or '
            '{"type": "json_schema", "json_schema": {"name": …, "schema": {…}}}.'
        )
    if len(str(schema)) > SCHEMA_MAX_CHARACTERS:
        raise InvalidInput(f"response_format: the schema has more than {SCHEMA_MAX_CHARACTERS} characters.")
    if problem := schema_problem(schema):
        raise InvalidInput(f"response_format: {problem}.")
    return schema
