"""What an agent may do towards its team. These are no tools: they change nothing outside.

They are part of what the agent says. Its strategy reads them from the step's output and delivers them, so a message is
sent exactly once however often the step is run.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jsonschema import Draft202012Validator

from agents.llm.types import ToolCall
from agents.tools.arguments import arguments_from
from agents.types import ToolError, ToolResult
from shannon_project.foundation.errors import ShannonError

SEND_MESSAGE: Final = "send_message"
PUBLISH: Final = "publish_data"
MAX_POSTS: Final = 20  # of one agent in one step

_ACTIONS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    SEND_MESSAGE: (
        "Send a message to a teammate, or to `lead`. It is read at the teammate's next turn.",
        {
            "type": "object",
            "properties": {
                "to": {"type": "string", "minLength": 1, "maxLength": 64},
                "text": {"type": "string", "minLength": 1, "maxLength": 2000},
            },
            "required": ["to", "text"],
            "additionalProperties": False,
        },
    ),
    PUBLISH: (
        "Publish something on the team's workspace under a topic, for everybody.",
        {
            "type": "object",
            "properties": {
                "topic": {"type": "string", "minLength": 1, "maxLength": 64},
                "text": {"type": "string", "minLength": 1, "maxLength": 8000},
            },
            "required": ["topic", "text"],
            "additionalProperties": False,
        },
    ),
}


def team_definitions(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the actions as a model is told of them, in the OpenAI format."""
    return [
        {"type": "function", "function": {"name": name, "description": text, "parameters": dict(schema)}}
        for name, (text, schema) in ((name, _ACTIONS[name]) for name in names)
    ]


class TeamPosts:
    """Takes the team actions of one agent."""

    def __init__(self, names: Sequence[str]) -> None:
        """Make an empty list for an agent that may do `names`."""
        self._names = frozenset(names)
        self.posts: list[Mapping[str, Any]] = []

    def takes(self, call: ToolCall) -> bool:
        """Whether a call is a team action of this agent."""
        return call.name in self._names

    def post(self, call: ToolCall) -> ToolResult:
        """Note an action and confirm it; one that does not fit is told to the model."""
        if len(self.posts) >= MAX_POSTS:
            return _refused("TOO_MANY_POSTS", f"At most {MAX_POSTS} messages and publications in one turn.", final=True)
        try:
            arguments = arguments_from(call.arguments_json)
        except ShannonError as error:
            return _refused(error.code, error.message, final=False)
        problem = next(Draft202012Validator(dict(_ACTIONS[call.name][1])).iter_errors(arguments), None)
        if problem is not None:
            return _refused("TOOL_INPUT_INVALID", problem.message[:300], final=False)
        self.posts.append({"action": call.name, **arguments})
        return ToolResult(ok=True, output={"noted": True})


def _refused(code: str, message: str, *, final: bool) -> ToolResult:
    return ToolResult(ok=False, error=ToolError(code, message, final=final))
