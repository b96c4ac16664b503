"""What litellm is handed for one call."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.conf import settings

from agents.llm.credentials import Credential
from agents.llm.estimates import prompt_tokens_estimate
from agents.llm.timeouts import CallTimeouts
from agents.llm.types import ModelRequest
from shannon_project.config.catalogue import Ability, CatalogueModel
from shannon_project.foundation.importing import imported_without

with imported_without("rich"):  # which its command would take: 6 MB of each worker
    import httpx

_NO_KEY: Final = "none"  # servers of one's own ask for none, and OpenAI's client insists on one
_MARKED_FROM_TOKENS: Final = 1_024  # Anthropic caches no shorter prefix ("Prompt caching", docs.anthropic.com)
_FORM: Final = "Answer with JSON alone, without fences or comments. It must fit this JSON schema: "
_RUNGS_SECONDS: Final = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_CACHE_MARK: Final = {"type": "ephemeral"}


def parameters_of(
    request: ModelRequest, model: CatalogueModel, credential: Credential, timeouts: CallTimeouts
) -> dict[str, Any]:
    """Return the arguments of `litellm.completion`."""
    is_marked = takes_cache_marks(model) and prompt_tokens_estimate(request) >= _MARKED_FROM_TOKENS
    messages = [*_form_told(request, model), *(dict(message) for message in request.messages)]
    parameters: dict[str, Any] = {
        "model": model.litellm_name,
        "messages": _marked_messages(messages) if is_marked else messages,
        "temperature": request.temperature,
        "max_tokens": request.max_output_tokens,
        "timeout": timeout_of(timeouts),
        "num_retries": 0,  # retries are ours: they must respect the step's deadline and cancellation
        "max_retries": 0,
        "_skip_mcp_handler": True,  # litellm 1.106 otherwise imports its MCP proxy for every call with tools
    }
    if request.tools:
        tools = [dict(tool) for tool in request.tools]
        parameters["tools"] = _marked_tools(tools) if is_marked else tools
    if request.response_format and Ability.JSON_SCHEMA in model.abilities:
        parameters["response_format"] = dict(request.response_format)
    if request.idempotency_key:
        parameters["extra_headers"] = {"Idempotency-Key": request.idempotency_key}
    # Where and with whose key a provider is asked comes last: no request may change it.
    return {**parameters, **request.options, **access_of(model, credential)}


def timeout_of(timeouts: CallTimeouts) -> httpx.Timeout:
    """Return what litellm is told of how long a call may take."""
    return httpx.Timeout(_rung(timeouts.total), connect=_rung(timeouts.connect))


def _rung(seconds: float) -> float:
    """Return the next of a few timeouts: litellm makes a client, with connections of its own, for each that it sees.

    Our own watch ends the call in time; this one ends what is left of a call that nobody waits for.
    """
    return next((rung for rung in _RUNGS_SECONDS if rung >= seconds), seconds)


def _form_told(request: ModelRequest, model: CatalogueModel) -> list[dict[str, Any]]:
    """Return the words that ask for a form of answer where the provider has no parameter for it."""
    form = request.response_format
    if not form or Ability.JSON_SCHEMA in model.abilities:
        return []
    schema = (form.get("json_schema") or {}).get("schema")
    words = "Answer with one JSON object and nothing else." if schema is None else f"{_FORM}{json.dumps(schema)}"
    return [{"role": "system", "content": words}]


def takes_cache_marks(model: CatalogueModel) -> bool:
    """Tell whether the provider caches what is marked. The others cache stable beginnings by themselves, or nothing."""
    return "claude" in model.litellm_name or model.litellm_name.startswith("anthropic/")


def access_of(model: CatalogueModel, credential: Credential) -> dict[str, Any]:
    """Return where and with whose key a provider is asked."""
    access: dict[str, Any] = {}
    api_base = credential.api_base or model.api_base
    if api_base:
        access["api_base"] = api_base
    secret = credential.secret()
    if secret is not None:
        access["api_key"] = secret
    elif api_base:
        # Never the environment's: that one belongs to the provider, not to this address.
        is_of_settings = api_base == settings.SHANNON_MODEL_API_BASE
        access["api_key"] = (settings.SHANNON_MODEL_API_KEY if is_of_settings else "") or _NO_KEY
    return access


def _marked_messages(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mark what stays the same from turn to turn: the system prompt, and the conversation up to here."""
    places = {0, len(messages) - 1} if messages else set()
    return [_marked(message) if place in places else message for place, message in enumerate(messages)]


def _marked(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if not isinstance(content, str) or not content or message.get("role") == "tool":
        return {**message, "cache_control": _CACHE_MARK}
    return {**message, "content": [{"type": "text", "text": content, "cache_control": _CACHE_MARK}]}


def _marked_tools(tools: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mark the last tool: the mark covers all before it."""
    return [*tools[:-1], {**tools[-1], "cache_control": _CACHE_MARK}]
