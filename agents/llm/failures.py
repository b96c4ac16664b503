"""Makes our errors of litellm's. What a provider said goes to our log, without keys; tenants read our sentences."""

import json
import logging
import math
import re
from typing import Any

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

log = logging.getLogger(__name__)

_LOGGED_MAX_CHARACTERS = 500
_REFUSALS = frozenset({401, 402, 403})
_OUR_FAULTS = frozenset({400, 404, 413, 422})
_NO_SUCH_MODEL = 404
_SECRETS = re.compile(
    r"bearer\s+[^\s\"',}]+"  # an Authorization header
    r"|\b(?:sk|pk|rk|hf|gsk|xai|key|AIza)[-_][\w*.-]{4,}|\bAIza[\w-]{8,}"  # keys by their makers' prefixes
    r"|(?<=[?&])key=[^\s&\"']+"  # Google's, in an address
    r"|(?:api[-_ ]?key|token|secret|password|authorization)[\"']?\s*(?:provided)?\s*[:=]\s*[\"']?[^\s\"',}&]+",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """Return the text with `[redacted]` in place of whatever looks like a key."""
    return _SECRETS.sub("[redacted]", text)


def typed_failure(litellm: Any, error: Exception, model: CatalogueModel) -> ModelFailure:
    """Return our error for one of litellm's, and log what the provider said."""
    said = str(getattr(error, "message", "") or error)
    status = getattr(error, "status_code", None)
    # Redacted before it is cut: half a key would not be recognised.
    log.warning("model_failed model=%s status=%s said=%s", model.name, status, redacted(said)[:_LOGGED_MAX_CHARACTERS])
    details: dict[str, Any] = {"model": model.name, "provider": model.provider}
    if isinstance(status, int):
        details["provider_status"] = status
    kind, message = _kind_and_message(litellm, error, model, said)
    retry_after_seconds = _retry_after_seconds(error) if kind is ModelRateLimited else None
    if retry_after_seconds is not None:
        details["retry_after_seconds"] = retry_after_seconds
    return kind(message, details=details)


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
    """Return what the provider's Retry-After header says in seconds; None without one, or if it is a date."""
    headers = getattr(error, "litellm_response_headers", None)
    if headers is None:
        headers = getattr(getattr(error, "response", None), "headers", None) or {}
    value = headers.get("retry-after")
    try:
        seconds = float(json.loads(value)) if value else None
    except (ValueError, TypeError):
        return None
    return seconds if seconds is not None and math.isfinite(seconds) and seconds >= 0 else None
