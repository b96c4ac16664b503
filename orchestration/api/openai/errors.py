"""Errors as clients of OpenAI read them: our envelope with OpenAI's `type` and `param` in it."""

from collections.abc import Mapping
from typing import Any, Final

_TYPES: Final = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}
_STATUS_OF_TASK_ERROR: Final = {
    "APPROVAL_REQUIRED": 403,
    "BUDGET_EXCEEDED": 402,
    "MODEL_RATE_LIMITED": 429,
    "MODEL_REQUEST_INVALID": 400,
    "MODEL_TIMEOUT": 504,
    "MODEL_UNAVAILABLE": 503,
    "MODEL_UNKNOWN": 400,
    "POLICY_DENIED": 403,
    "TASK_CANCELLED": 409,
    "TASK_DEADLINE_EXCEEDED": 504,
}
_SERVER_SIDE: Final = 500
_STATUS_OF_OTHERS: Final = 502


def openai_error(error: Mapping[str, Any], status: int) -> dict[str, Any]:
    """Return an error of ours (`code`, `message`, `details`, …) with what OpenAI's clients look for added."""
    kind = "server_error" if status >= _SERVER_SIDE else _TYPES.get(status, "invalid_request_error")
    details = error.get("details") or {}
    param = details.get("field") or next(iter(details.get("unknown") or details.get("fields") or ()), None)
    return {"error": {**error, "type": kind, "param": param if isinstance(param, str) else None}}


def task_error_status(error: Mapping[str, Any]) -> int:
    """Return the status under which a task's own error is answered."""
    return _STATUS_OF_TASK_ERROR.get(str(error.get("code")), _STATUS_OF_OTHERS)
