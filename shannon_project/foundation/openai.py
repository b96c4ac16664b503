"""Errors as clients of OpenAI read them: our envelope with OpenAI's `type` and `param` in it."""

from collections.abc import Mapping
from typing import Any, Final

_TYPES: Final = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}
_SERVER_SIDE: Final = 500


def openai_error(error: Mapping[str, Any], status: int) -> dict[str, Any]:
    """Return an error of ours (`code`, `message`, `details`, …) with what OpenAI's clients look for added."""
    kind = "server_error" if status >= _SERVER_SIDE else _TYPES.get(status, "invalid_request_error")
    details = error.get("details") or {}
    param = details.get("field") or next(iter(details.get("unknown") or details.get("fields") or ()), None)
    return {"error": {**error, "type": kind, "param": param if isinstance(param, str) else None}}
