"""The one error root: every error that a user, a model or a retry policy may see derives from `ShannonError`."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

DEFECTS: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What code with a defect raises; a server that is away raises none of these."""


class ShannonError(Exception):
    """Something went wrong inside the platform."""

    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False
    http_status: ClassVar[int] = 500

    def __init__(self, message: str | None = None, *, details: Mapping[str, Any] | None = None) -> None:
        """Make an error.

        Args:
            message: What went wrong and what to change; the class's docstring when absent.
            details: JSON values that a caller may act on.
        """
        self.message = message or (type(self).__doc__ or self.code).strip().splitlines()[0]
        self.details: dict[str, Any] = dict(details or {})
        super().__init__(self.message)

    def as_json(self) -> dict[str, Any]:
        """Return `{"code", "message", "retryable", "details"}`, all JSON values."""
        return {"code": self.code, "message": self.message, "retryable": self.retryable, "details": self.details}


class InvalidInput(ShannonError):
    """The request is not valid."""

    code = "INVALID_INPUT"
    http_status = 400


class NotFound(ShannonError):
    """There is no such thing, or it belongs to another tenant."""

    code = "NOT_FOUND"
    http_status = 404


class Conflict(ShannonError):
    """The thing is not in a state that allows this."""

    code = "CONFLICT"
    http_status = 409


class Unavailable(ShannonError):
    """A server that the platform needs does not answer; try again."""

    code = "UNAVAILABLE"
    retryable = True
    http_status = 503
