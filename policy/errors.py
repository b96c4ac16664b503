"""Errors of the policy app: who is not known, what is not allowed, what is not affordable."""

from collections.abc import Mapping
from typing import Any

from policy.types import Decision
from shannon_project.foundation.errors import Conflict, InvalidInput, ShannonError


class ApiKeyMissing(ShannonError):
    """No API key was sent: use the header `X-API-Key: sk_…` or `Authorization: Bearer sk_…`."""

    code = "API_KEY_MISSING"
    http_status = 401


class ApiKeyInvalid(ShannonError):
    """This API key is not known or was revoked."""

    code = "API_KEY_INVALID"
    http_status = 401


class ApiKeyExpired(ShannonError):
    """This API key has expired: ask for a new one."""

    code = "API_KEY_EXPIRED"
    http_status = 401


class TenantInactive(ShannonError):
    """This tenant is switched off: ask the platform's owner."""

    code = "TENANT_INACTIVE"
    http_status = 403


class ScopeMissing(ShannonError):
    """The API key lacks a scope that this needs; `details.required` names it."""

    code = "SCOPE_MISSING"
    http_status = 403


class ScopeUnknown(InvalidInput):
    """There is no such scope; `details.known` lists those that exist."""

    code = "SCOPE_UNKNOWN"


class RateLimited(ShannonError):
    """Too many requests; `details` say whose limit, how much, and after how many seconds one more fits."""

    code = "RATE_LIMITED"
    retryable = True
    http_status = 429

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Make an error that keeps the headers of the limit that was reached."""
        super().__init__(message, details=details)
        self.headers = dict(headers or {})


class PolicyDenied(ShannonError):
    """A policy does not allow this."""

    code = "POLICY_DENIED"
    http_status = 403

    def __init__(
        self, message: str | None = None, *, details: Mapping[str, Any] | None = None, decision: Decision | None = None
    ) -> None:
        """Make an error that keeps the decision behind it."""
        super().__init__(message, details=details)
        self.decision = decision


class ApprovalRequired(PolicyDenied):
    """A policy wants a person to approve this first."""

    code = "APPROVAL_REQUIRED"


class PolicyInvalid(InvalidInput):
    """The policy's Rego source is not valid; the message is the compiler's."""

    code = "POLICY_INVALID"


class PolicyFailed(ShannonError):
    """A policy could not be evaluated; whatever was asked is denied."""

    code = "POLICY_FAILED"


class BudgetExceeded(ShannonError):
    """A budget does not cover this; `details` name the budget, its limit, spent, reserved and what was asked."""

    code = "BUDGET_EXCEEDED"
    http_status = 402


class BudgetAsksPerson(ShannonError):
    """A budget is used so far that a person is to be asked first; `details.budgets` tell which, and how far."""

    code = "BUDGET_ASKS_PERSON"
    http_status = 403


class BudgetNotOpen(Conflict):
    """A budget was named that was never opened: a defect of the caller, nothing was reserved."""

    code = "BUDGET_NOT_OPEN"


class ReservationMissing(Conflict):
    """Nothing was reserved under this step and position: a defect of the caller, nothing was charged."""

    code = "RESERVATION_MISSING"
