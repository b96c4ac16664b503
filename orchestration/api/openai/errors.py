"""Under which status the error of a task is answered."""

from collections.abc import Mapping
from typing import Any, Final

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
_STATUS_OF_OTHERS: Final = 502


def task_error_status(error: Mapping[str, Any]) -> int:
    """Return the status under which a task's own error is answered."""
    return _STATUS_OF_TASK_ERROR.get(str(error.get("code")), _STATUS_OF_OTHERS)
