"""Makes our errors of litellm's. What a provider said goes to our log, without keys; tenants read our sentences."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import structlog

from agents.llm.credentials import secrets_known
from agents.llm.errors import (
    ModelAnswerInvalid,
    ModelContentFiltered,
    ModelFailure,
    ModelRateLimited,
    ModelRefused,
    ModelRequestInvalid,
    ModelTimeout,
    ModelUnavailable,
    ModelWindowExceeded,
)
from shannon_project.config.catalogue import CatalogueModel

log = structlog.get_logger(__name__)

_LOGGED_MAX_CHARACTERS = 500
_REFUSALS = frozenset({401, 402, 403})
_OUR_FAULTS = frozenset({400, 404, 413, 422})
_NO_SUCH_MODEL = 404
_REDACTED = "[redacted]"
_RETRYABLE = (ModelRateLimited, ModelUnavailable)
# OpenAI and vLLM say that a "maximum context length is 8192 tokens", llama.cpp names its "available context size".
_WINDOW = re.compile(r"context (?:length|size|window|limit)\D{1,20}?(\d[\d,]{2,11})", re.IGNORECASE)
_SECRETS = re.compile(
    r"bearer\s+[^\s\"',}]+"  # an Authorization header
    r"|\b(?:sk|pk|rk|hf|gsk|xai|key|AIza)[-_][\w*.-]{4,}|\bAIza[\w-]{8,}"  # keys by their makers' prefixes
    r"|(?<=[?&])key=[^\s&\"']+"  # Google's, in an address
    r"|(?:api[-_ ]?key|token|secret|password|authorization)[\"']?\s*(?:provided)?\s*[:=]\s*[\"']?[^\s\"',}&]+",
    re.IGNORECASE,
)


def redacted(text: str, *, secrets: Iterable[str] = ()) -> str:
    """Return the text with `[redacted]` in place of these secrets and of whatever looks like a key."""
    for secret in secrets:
        text = text.replace(secret, _REDACTED)
    return _SECRETS.sub(_REDACTED, text)


def typed_failure(litellm: Any, error: Exception, model: CatalogueModel) -> ModelFailure:
    """Return our error for one of litellm's, and log what the provider said."""
    said = str(getattr(error, "message", "") or error)
    status = getattr(error, "status_code", None)
    # Redacted before it is cut: half a key would not be recognised.
    shown = redacted(said, secrets=secrets_known())[:_LOGGED_MAX_CHARACTERS]
    log.warning("model_failed", model=model.name, status=status, said=shown)
    details: dict[str, Any] = {"model": model.name, "provider": model.provider}
    if isinstance(status, int):
        details["provider_status"] = status
    kind, message = _kind_and_message(litellm, error, model, said)
    retry_after_seconds = _retry_after_seconds(error) if issubclass(kind, _RETRYABLE) else None
    if retry_after_seconds is not None:
        details["retry_after_seconds"] = retry_after_seconds
    if kind is ModelWindowExceeded and (window := _WINDOW.search(said)):
        details["provider_window_tokens"] = int(window.group(1).replace(",", ""))
    return kind(message, details=details)


def unwritable_failure(error: Exception, model: CatalogueModel) -> ModelRequestInvalid:
    """Return the failure of a request that litellm cannot write for a model's provider; nobody was asked."""
    shown = redacted(str(error), secrets=secrets_known())[:_LOGGED_MAX_CHARACTERS]
    log.warning("model_request_unwritable", model=model.name, said=shown)
    details = {"model": model.name, "provider": model.provider}
    return ModelRequestInvalid(f"The request cannot be put as {model.provider} takes it.", details=details)


def _kind_and_message(
    litellm: Any, error: Exception, model: CatalogueModel, said: str
) -> tuple[type[ModelFailure], str]:
    names, status = litellm.exceptions, getattr(error, "status_code", None)
    by_class: list[tuple[type[Exception], type[ModelFailure], str]] = [
        (names.RateLimitError, ModelRateLimited, f"{model.provider} limits the rate of {model.name}."),
        (names.Timeout, ModelTimeout, f"{model.name} did not answer in time."),
        (names.APIResponseValidationError, ModelAnswerInvalid, f"The answer of {model.name} could not be read."),
        (names.ContentPolicyViolationError, ModelContentFiltered, filtered_message(model)),
        (names.ContextWindowExceededError, ModelWindowExceeded, f"The request is too long for {model.name}."),
    ]
    for litellm_class, kind, message in by_class:
        if isinstance(error, litellm_class):
            return kind, message
    if status in _REFUSALS or "credentials" in said:
        return ModelRefused, _refusal(litellm, model, status, said)
    if status == _NO_SUCH_MODEL:
        return ModelRequestInvalid, f"{model.provider} does not know the model {model.name}."
    if status in _OUR_FAULTS:
        return ModelRequestInvalid, f"{model.provider} calls the request to {model.name} invalid (status {status})."
    return ModelUnavailable, f"{model.name} is not available at {model.provider}."


def filtered_message(model: CatalogueModel) -> str:
    """Return the sentence about an answer that the provider's content policy held back."""
    return f"The content policy of {model.provider} does not let {model.name} answer this."


def _refusal(litellm: Any, model: CatalogueModel, status: int | None, said: str) -> str:
    missing = litellm.validate_environment(model.litellm_name)["missing_keys"] if "credentials" in said else ()
    why = f"set {', '.join(missing)} where workers run" if missing else f"status {status}; its key may be wrong"
    return f"{model.provider} refuses to let {model.name} answer: {why}."


def _retry_after_seconds(error: Exception) -> float | None:
    """Return what the provider's Retry-After header says in seconds (RFC 9110: a number, or a date); None without."""
    headers = getattr(error, "litellm_response_headers", None)
    if headers is None:
        headers = getattr(getattr(error, "response", None), "headers", None) or {}
    value = str(headers.get("retry-after") or "")
    try:
        seconds = float(value)
    except ValueError:
        return _seconds_until(value)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _seconds_until(date: str) -> float | None:
    """Return how far off a date of HTTP is, 0 if it is over; None: it is none."""
    try:
        at = parsedate_to_datetime(date)
    except ValueError:
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
