"""The audit log: what was refused, and changes of the rules."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings

from policy.errors import BudgetExceeded
from policy.models import AuditEntry
from policy.types import AuditOutcome, Principal
from shannon_project.foundation.errors import ShannonError

log = structlog.get_logger(__name__)
_ITEMS_MAX = 50
_DEPTH_MAX = 6


def audit_record(
    *,
    tenant_id: UUID | None,
    actor: str,
    action: str,
    outcome: str,
    rule: str = "",
    reason: str = "",
    resource: Mapping[str, Any] | None = None,
) -> None:
    """Add an audit entry. One INSERT on the caller's connection: it is lost if the caller rolls back.

    Args:
        tenant_id: Whose matter it is; None for the platform's own.
        actor: `key:<name>`, `user:<name>` or `system`.
        action: What was attempted, for example `tool.call`.
        outcome: One of `AuditOutcome`.
        rule: What decided, for example `tool_call.deny`.
        reason: One sentence for a person.
        resource: What was asked for. Long texts, lists and deep values are cut.
    """
    AuditEntry.objects.create(
        tenant_id=tenant_id,
        actor=actor[:128],
        action=action[:64],
        outcome=AuditOutcome(outcome),
        rule=rule[:128],
        reason=_cut(reason, 1_000),
        resource=_bounded(dict(resource or {}), 0),
    )
    log.info(
        "audit", tenant_id=str(tenant_id), actor=actor, action=action, outcome=str(outcome), rule=rule, reason=reason
    )


def refusal_record(*, principal: Principal, error: ShannonError, resource: Mapping[str, Any] | None = None) -> None:
    """Write the audit entry of a refusal that was raised inside a transaction. Call it after that was rolled back.

    `budget_reserve` and `budgets_charge` run in the caller's transaction, so an entry written by them would vanish with
    it: whoever lets `BudgetExceeded` roll a transaction back calls this outside of it.

    Args:
        principal: Who was refused.
        error: What was raised; its code is the rule and its details are recorded.
        resource: What was asked for, besides the error's own details.
    """
    action = "budget.reserve" if isinstance(error, BudgetExceeded) else error.code.lower()
    audit_record(
        tenant_id=principal.tenant_id,
        actor=principal.actor,
        action=action,
        outcome=AuditOutcome.DENIED,
        rule=error.code,
        reason=error.message,
        resource={**error.details, **(resource or {})},
    )


def _bounded(value: Any, depth: int) -> Any:
    """Return JSON that fits a row: Postgres takes no NUL in JSON, and arguments of a model may be huge."""
    if isinstance(value, Mapping):
        if depth >= _DEPTH_MAX:
            return "…"
        items = list(value.items())[:_ITEMS_MAX]
        return {_cut(str(key), 100): _bounded(inner, depth + 1) for key, inner in items}
    if isinstance(value, list | tuple | set | frozenset):
        return "…" if depth >= _DEPTH_MAX else [_bounded(inner, depth + 1) for inner in list(value)[:_ITEMS_MAX]]
    if value is None or isinstance(value, bool | int):
        return value if value is None or abs(value) < 2**63 else str(value)
    return _cut(str(value), settings.SHANNON_AUDIT_TEXT_MAX_CHARS)


def _cut(text: str, max_chars: int) -> str:
    clean = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    return clean if len(clean) <= max_chars else clean[: max_chars - 1] + "…"
