"""What events say of a model's answer."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from agents.journal.bounds import bounded_text
from agents.llm.accounts import usage_json
from agents.llm.errors import ModelUsage
from agents.llm.types import ModelReply, ModelRequest


def output_payload(
    request: ModelRequest, reply: ModelReply, response: Mapping[str, Any], *, attempts: int, lost: ModelUsage | None
) -> dict[str, Any]:
    """Return the payload of `LLM_OUTPUT`.

    Args:
        request: What was asked.
        reply: The answer that was taken.
        response: What the journal keeps of the call.
        attempts: How many models were asked, one after another or at once.
        lost: What attempts used whose answer was not taken.
    """
    return {
        "text": bounded_text(reply.text, settings.SHANNON_MODEL_EVENT_TEXT_MAX_CHARACTERS),
        "purpose": str(request.purpose),
        "model": reply.model,
        "provider": reply.provider,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "usage_estimated": reply.usage_estimated,
        "cache_read_tokens": reply.cache_read_tokens,
        "cache_write_tokens": reply.cache_write_tokens,
        "cost_usd": None if reply.cost_usd is None else str(reply.cost_usd),
        "attempts": attempts,
        "cache": None if reply.hit is None else reply.hit.as_json(),
        "latency_ms": response["latency_ms"],
        "first_text_ms": response["first_text_ms"],
        "finish_reason": reply.finish_reason,
        "tool_calls": [call.name for call in reply.tool_calls],
        "used_by_failed_attempts": None if lost is None else usage_json(lost),
    }
