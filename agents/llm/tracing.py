"""The span of a model call, in the words of OpenTelemetry's conventions for generative AI (`gen_ai.…`)."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings

from agents.journal import Effect
from agents.llm.types import ModelRequest
from shannon_project.config.catalogue import CatalogueModel
from shannon_project.foundation.tracing import Attribute, SpanKind, span, tracing_is_on


def model_traced(
    perform: Callable[[Effect], dict[str, Any]], request: ModelRequest, model: CatalogueModel, effect: Effect
) -> dict[str, Any]:
    """Make a call that really happens, inside of a span. What the journal answers has none.

    Args:
        perform: Makes the call.
        request: What is asked.
        model: The first choice; who answered is noted at the end.
        effect: The journal's entry.
    """
    if not tracing_is_on():
        return perform(effect)
    with span(f"chat {model.name}", _asked(request, model), kind=SpanKind.CLIENT) as call:
        response = perform(effect)
        call.note(_answered(response))
    return response


def _asked(request: ModelRequest, model: CatalogueModel) -> dict[str, Attribute]:
    asked: dict[str, Attribute] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": model.provider,
        "gen_ai.request.model": model.name,
        "gen_ai.request.max_tokens": request.max_output_tokens,
        "gen_ai.request.temperature": request.temperature,
        "shannon.purpose": str(request.purpose),
    }
    if settings.SHANNON_TRACES_CONTENT:
        asked["gen_ai.input.messages"] = _content([dict(message) for message in request.messages])
    return asked


def _answered(response: Mapping[str, Any]) -> dict[str, Attribute]:
    reply = response["reply"]
    answered: dict[str, Attribute] = {
        "gen_ai.response.model": reply["model"],
        "gen_ai.response.finish_reasons": reply["finish_reason"],
        "gen_ai.usage.input_tokens": reply["prompt_tokens"],
        "gen_ai.usage.output_tokens": reply["completion_tokens"],
    }
    if reply["cost_usd"] is not None:
        answered["shannon.cost_usd"] = float(reply["cost_usd"])
    if settings.SHANNON_TRACES_CONTENT:
        answered["gen_ai.output.messages"] = _content(
            [{"role": "assistant", "content": reply["text"], "tool_calls": reply["tool_calls"]}]
        )
    return answered


def _content(messages: list[dict[str, Any]]) -> str:
    return json.dumps(messages, ensure_ascii=False, default=str)[: settings.SHANNON_TRACES_CONTENT_MAX_CHARACTERS]
