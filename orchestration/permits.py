"""May this task be submitted? The policies say, and a person where they or the request want one."""

from collections.abc import Mapping
from typing import Any

from agents.services import bounded_text, waiting_terms
from agents.types import ApprovalAsk, AskedBy
from policy.errors import ApprovalRequired
from policy.services import authorize
from policy.types import Action, Decision, Principal

QUERY_SHOWN_CHARS = 2_000


def submit_permit(
    *,
    principal: Principal,
    resource: Mapping[str, Any],
    query: str,
    is_wanted: bool = False,
    timeout_seconds: float | None = None,
) -> tuple[Decision, ApprovalAsk | None]:
    """Ask the policies about a submit. Call it outside of transactions, like `authorize`.

    Args:
        principal: Who submits.
        resource: What policies are told.
        query: What a person is shown.
        is_wanted: Whether the request itself wants a person to agree.
        timeout_seconds: How long the request wants to wait for that person; a policy's own time goes before.

    Returns:
        The decision, and what a person is to be asked before the task begins; None: it may begin at once.

    Raises:
        PolicyDenied: A policy forbids it.
    """
    try:
        decision = authorize(principal=principal, action=Action.TASK_SUBMIT, resource=resource)
        asked_by = AskedBy.REQUEST
        if not is_wanted:
            return decision, None
    except ApprovalRequired as error:
        if error.decision is None:
            raise
        decision, asked_by = error.decision, AskedBy.POLICY
    terms = waiting_terms(decision.obligations)
    why = {"rule": decision.rule, "reason": decision.reason} if asked_by is AskedBy.POLICY else {}
    ask = ApprovalAsk(
        action=str(Action.TASK_SUBMIT),
        subject={"query": bounded_text(query, QUERY_SHOWN_CHARS)},
        message="May this task begin?",
        requested_by=asked_by,
        context={**why, "resource": dict(resource), "submitted_by": principal.actor},
        timeout_seconds=terms["timeout_seconds"] or timeout_seconds,
        approve_by_default=terms["approve_by_default"],
    )
    return decision, ask
