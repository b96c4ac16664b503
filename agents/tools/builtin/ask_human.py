"""Asking a person, and waiting for the answer without holding a worker."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from agents.errors import ToolFailed
from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.tools.schemas import object_of
from agents.types import ApprovalAsk, AskedBy, ToolError


class AskHumanTool(Tool):
    """Puts a question to whoever decides about the tenant's approvals; the decision's `feedback` is the answer.

    A policy that wants a person to agree to this call needs no other one: a person is asked in any case. Only roles and
    templates that name it have it: nobody's task shall wait who did not want that.
    """

    name = "ask_human"
    description = (
        "Ask a person a question that only a person can answer: a choice, a missing fact, a permission. The work waits "
        "for the answer, so ask once, with all that is needed to answer; do not ask what you can find out. With "
        "default_answer the work goes on with that when nobody answers in time."
    )
    category = "people"
    implicit = True
    returns = object_of(answer="string", **{"from": "string"})
    parameters = {
        "type": "object",
        "properties": {
            "question": {"type": "string", "minLength": 1, "maxLength": 4000},
            "options": {
                "type": "array",
                "items": {"type": "string", "minLength": 1, "maxLength": 200},
                "minItems": 2,
                "maxItems": 10,
                "description": "Answers to choose from; a person may say something else.",
            },
            "default_answer": {"type": "string", "minLength": 1, "maxLength": 1000},
            "timeout_seconds": {
                "type": "integer",
                "minimum": 1,
                "maximum": int(settings.SHANNON_APPROVAL_MAX_TIMEOUT_SECONDS),
                "description": f"How long to wait; default {settings.SHANNON_APPROVAL_TIMEOUT_SECONDS:.0f}.",
            },
        },
        "required": ["question"],
        "additionalProperties": False,
    }

    def question(self, arguments: Mapping[str, Any]) -> ApprovalAsk:
        """Return the question, as an approval of the action `ask.human`."""
        return ApprovalAsk(
            action="ask.human",
            subject={"question": arguments["question"], "options": arguments.get("options", [])},
            message=arguments["question"][:500],
            requested_by=AskedBy.TOOL,
            context={"default_answer": arguments.get("default_answer")},
            timeout_seconds=arguments.get("timeout_seconds"),
            approve_by_default="default_answer" in arguments,
        )

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return `{"answer", "from"}`; `from` is `person`, or `default` when nobody answered in time.

        A bare decision without words is `yes` or `no`.
        """
        said = ctx.answer
        if said is None:
            raise ToolFailed("Nobody can be asked here.")
        if not said.expired:
            return ToolOutput({"answer": said.feedback or ("yes" if said.approved else "no"), "from": "person"})
        if "default_answer" in arguments:
            return ToolOutput({"answer": arguments["default_answer"], "from": "default"})
        message = "Nobody answered in time. Go on without the answer, and say what you assumed."
        return ToolOutput(error=ToolError("NO_ANSWER", message, final=True))
