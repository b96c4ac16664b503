"""The form of a plan, as a JSON schema that models are asked to keep to."""

from collections.abc import Mapping
from typing import Any, Final

PLAN_NAME: Final = "plan"

# Strict mode of OpenAI's structured outputs: every property required, nothing additional.
_SUBTASK: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "Unique in the plan, for example s1."},
        "title": {"type": "string", "description": "At most 60 characters."},
        "instruction": {"type": "string", "description": "All that the agent needs to know."},
        "depends_on": {"type": "array", "items": {"type": "string"}, "description": "Ids of subtasks needed first."},
        "tools": {"type": "array", "items": {"type": "string"}, "description": "Names of tools it may call."},
        "parameters": {"type": "string", "description": "JSON object of values to call its tools with; {} for none."},
        "role": {"type": "string", "description": "One of the listed roles; empty: a generalist."},
        "tier": {"type": "string", "enum": ["", "small", "medium", "large"], "description": "Empty: the platform's."},
        "output_format": {"type": "string", "enum": ["", "text", "json", "number", "list", "table"]},
        "produces": {"type": "array", "items": {"type": "string"}, "description": "Names of what it hands on."},
        "consumes": {"type": "array", "items": {"type": "string"}, "description": "Names that another one produces."},
    },
    "required": [
        "id",
        "title",
        "instruction",
        "depends_on",
        "tools",
        "parameters",
        "role",
        "tier",
        "output_format",
        "produces",
        "consumes",
    ],
    "additionalProperties": False,
}
PLAN_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "subtasks": {"type": "array", "items": _SUBTASK},
        "synthesis_instruction": {"type": "string", "description": "How to put the results together."},
    },
    "required": ["subtasks", "synthesis_instruction"],
    "additionalProperties": False,
}


def plan_response_format() -> dict[str, Any]:
    """Return the `response_format` of a plan request, in the OpenAI format."""
    return {"type": "json_schema", "json_schema": {"name": PLAN_NAME, "schema": dict(PLAN_SCHEMA), "strict": True}}
