"""Decisions: may this principal do this? Every failure on the way is a denial."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from prometheus_client import Counter

from policy.errors import ApprovalRequired, PolicyDenied, PolicyFailed
from policy.evaluation import Reads, combine
from policy.evaluation.document import document
from policy.evaluation.exchange import Prepared
from policy.metrics import DECISION_SECONDS, DECISIONS
from policy.services.audit import audit_record
from policy.services.policy_cache import POLICY_CACHE, TENANT_UNKNOWN, TenantPolicies
from policy.types import Action, AuditOutcome, Decision, Principal, Verdict
from shannon_project.foundation.database import in_database

log = structlog.get_logger(__name__)
_CACHED_QUESTION_MAX_CHARS = 2_000
_PREPARED_PRINCIPALS = 1_000
_ACTIONS = frozenset(Action)
_PASSING = range(-(2**63), 2**63)
_sorted_json = json.JSONEncoder(sort_keys=True).encode


def decide(*, principal: Principal, action: str, resource: Mapping[str, Any]) -> Decision:
    """Decide by the active policies. Thread-safe.

    Call it outside of transactions: a denial is written to the audit log in a transaction of its own, which must not be
    rolled back with the caller's. Inside a transaction, a denial raises RuntimeError instead (nothing is allowed then
    either).

    A question asked before in the last second is answered from memory; a denial is recorded each time.

    Args:
        principal: Who asks.
        action: One of `Action`.
        resource: What is to be done, as JSON; what the default policies read stands at the top of `policy/rego/*.rego`.

    Returns:
        The decision. Never an exception for a policy that is missing, broken or failing: that is a denial with the rule
        `default.no_policy`, `default.invalid` or `default.failed`.
    """
    decision = _answer(principal, action, resource)
    _counter(decision_action(action), decision.verdict).inc()
    if not decision.is_allowed:
        in_database(lambda: _record(principal, action, resource, decision))
    return decision


def authorize(*, principal: Principal, action: str, resource: Mapping[str, Any]) -> Decision:
    """Decide, and raise unless it is allowed. Call it outside of transactions, like `decide`.

    Raises:
        ApprovalRequired: A policy wants a person to agree first (a kind of `PolicyDenied`).
        PolicyDenied: With `details` rule, reason and policy versions. The refusal is in the audit log already.
    """
    decision = decide(principal=principal, action=action, resource=resource)
    if decision.is_allowed:
        return decision
    error = ApprovalRequired if decision.verdict is Verdict.REQUIRE_APPROVAL else PolicyDenied
    details = {
        "action": str(action),
        "rule": decision.rule,
        "reason": decision.reason,
        "policy_versions": dict(decision.policy_versions),
    }
    raise error(decision.reason, details=details, decision=decision)


def decision_preview(*, principal: Principal, action: str, resource: Mapping[str, Any]) -> Decision:
    """Return what `decide` would say, for somebody who only asks: a denial is not recorded, nothing was refused."""
    return _answer(principal, action, resource)


def rules_generation() -> UUID | None:
    """Return a value that is another one after each change of the rules: a reader of rules keeps what it derived by it.

    Costs a query only when the last check is older than `SHANNON_POLICY_RECHECK_SECONDS`.
    """
    return POLICY_CACHE.generation()


def policies_forget() -> None:
    """Drop this process's compiled policies and cached decisions; the next decision loads them again."""
    POLICY_CACHE.forget()


def decision_action(action: str) -> str:
    """Return the action if it is one we know, else `unknown`: labels of metrics must be few."""
    return str(action) if action in _ACTIONS else "unknown"


@cache
def _counter(action: str, verdict: Verdict) -> Counter:
    return DECISIONS.labels(action=action, verdict=verdict.value)


def _answer(principal: Principal, action: str, resource: Mapping[str, Any]) -> Decision:
    policies, recent = POLICY_CACHE.of_tenant(principal.tenant_id)
    reads = None if policies.compiled is None else policies.compiled.reads
    key = _cache_key(principal, action, resource, reads)
    if key is not None and (cached := recent.get(key)) is not None:
        return cached
    started = time.perf_counter()
    decision = _evaluate(policies, principal, action, resource)
    DECISION_SECONDS.observe(time.perf_counter() - started)
    if key is not None and len(recent) < settings.SHANNON_POLICY_CACHED_DECISIONS:
        recent[key] = decision
    return decision


def _evaluate(policies: TenantPolicies, principal: Principal, action: str, resource: Mapping[str, Any]) -> Decision:
    if action not in _ACTIONS:
        return Decision(Verdict.DENY, f"There is no action {str(action)[:64]!r}.", "default.unknown_action")
    if policies.compiled is None:
        return Decision(Verdict.DENY, policies.problem, policies.problem_rule)
    versions: Mapping[str, int] = {}
    reads = policies.compiled.reads
    try:
        versions = policies.compiled.versions_for(Action(action))
        whole = document(resource)  # all of it: what is too large or no JSON is denied, whether anybody looks or not
        seen = whole if reads is None else {name: value for name, value in whole.items() if name in reads.resource}
        question = {
            "action": str(action),
            "resource": seen,
            "principal": _as_input(principal, None if reads is None else reads.principal),
        }
        return combine(policies.compiled.contributions(Action(action), question), versions)
    except PolicyFailed as error:
        log.error("policy_failed", action=str(action), reason=error.message, **error.details)  # noqa: TRY400
        denied = Decision(Verdict.DENY, error.message, "default.failed")
        return replace(denied, policy_versions=versions)


@lru_cache(maxsize=_PREPARED_PRINCIPALS)
def _as_input(principal: Principal, fields: frozenset[str] | None) -> Prepared:
    """What policies see of a principal: who and what it may, no ids of keys. `fields` None: all of it."""
    whole = document(
        {
            "tenant_id": str(principal.tenant_id),
            "actor": principal.actor,
            "user_id": principal.user_id,
            "scopes": sorted(principal.scopes),
            "roles": sorted(principal.roles),
        }
    )
    return Prepared({name: value for name, value in whole.items() if fields is None or name in fields})


def _cache_key(principal: Principal, action: str, resource: Mapping[str, Any], reads: Reads | None) -> object | None:
    """Return what makes two questions the same, or None for one that is long or is not plain JSON.

    Fields that no policy looks at make no difference as long as nothing is wrong with them: plain values always pass.
    """
    asked = resource
    if reads is not None:
        asked = {name: value for name, value in resource.items() if name in reads.resource or not _passes(value)}
    try:
        question = _sorted_json(asked)
    except (TypeError, ValueError, RecursionError):
        return None
    return (principal, str(action), question) if len(question) <= _CACHED_QUESTION_MAX_CHARS else None


def _passes(value: object) -> bool:
    """Tell whether there is nothing about a value for which a question would be refused."""
    return value is None or (isinstance(value, int) and value in _PASSING)


def _record(principal: Principal, action: str, resource: Mapping[str, Any], decision: Decision) -> None:
    needs_approval = decision.verdict is Verdict.REQUIRE_APPROVAL
    with transaction.atomic(durable=True):  # refuses to be nested: see decide()
        audit_record(
            tenant_id=None if decision.rule == TENANT_UNKNOWN else principal.tenant_id,
            actor=principal.actor,
            action=str(action),
            outcome=AuditOutcome.APPROVAL_REQUIRED if needs_approval else AuditOutcome.DENIED,
            rule=decision.rule,
            reason=decision.reason,
            resource={**resource, "policy_versions": dict(decision.policy_versions)},
        )
