"""The review of a task's plan, as a conversation: plans of the planner, feedback of a person, until one is approved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from agents.services import value_unpack
from orchestration.engine.approvals.closing import Closing, approval_close
from orchestration.engine.dispatch import ring_advance
from orchestration.errors import ReviewConflict, ReviewNotFound, TaskNotFound
from orchestration.models import Approval, Task
from orchestration.types import PLAN_REVIEW, TASK_TERMINAL, ApprovalStatus
from policy.services import audit_record
from policy.types import AuditOutcome, Principal


class ReviewStatus(StrEnum):
    """Where a review is."""

    PLANNING = "planning"  # the planner is at work; there is nothing to look at yet
    REVIEWING = "reviewing"
    APPROVED = "approved"
    REJECTED = "rejected"  # denied, not decided in time, or the task ended


@dataclass(frozen=True, slots=True)
class ReviewTurn:
    """One turn of the conversation; `role` is `assistant` for a plan and `user` for what a person said."""

    role: str
    message: str
    timestamp: datetime | None


@dataclass(frozen=True, slots=True)
class ReviewState:
    """A review at one moment. `version` grows with every plan and every word said about one."""

    task_id: UUID
    query: str
    status: ReviewStatus
    round: int
    version: int
    current_plan: str | None
    plan: dict[str, Any] | None
    turns: tuple[ReviewTurn, ...]
    expires_at: datetime | None


def review_state(*, principal: Principal, task_id: UUID) -> ReviewState:
    """Return how the review of a task's plan stands; two queries.

    Raises:
        TaskNotFound: There is no such task in the tenant.
        ReviewNotFound: No review was asked for.
    """
    task = Task.objects.filter(id=task_id, tenant_id=principal.tenant_id).first()
    return _state(_reviewed(task, task_id), _questions(task_id))


def review_feedback(*, principal: Principal, task_id: UUID, message: str, version: int | None = None) -> ReviewState:
    """Say what is wrong with the plan under review; the planner plans again and is told.

    Args:
        principal: Who reviews.
        task_id: The task.
        message: What is wrong, not empty.
        version: The version that the caller has seen; None: whatever it is.

    Raises:
        TaskNotFound, ReviewNotFound: There is nothing to review.
        ReviewConflict: There is no plan under review now, it is another version, or there were too many rounds.
    """
    closing = Closing(ApprovalStatus.DENIED, principal.actor, message)
    return _decide(principal, task_id, version, closing)


def review_approve(*, principal: Principal, task_id: UUID, version: int | None = None) -> ReviewState:
    """Approve the plan under review; its steps begin. A review that is approved already may be approved again.

    Raises:
        TaskNotFound, ReviewNotFound: There is nothing to review.
        ReviewConflict: There is no plan under review now, or it is another version.
    """
    return _decide(principal, task_id, version, Closing(ApprovalStatus.APPROVED, principal.actor))


def _decide(principal: Principal, task_id: UUID, version: int | None, closing: Closing) -> ReviewState:
    is_approval = closing.status is ApprovalStatus.APPROVED
    with transaction.atomic():
        locked = Task.objects.select_for_update(no_key=True).filter(id=task_id, tenant_id=principal.tenant_id).first()
        task = _reviewed(locked, task_id)
        questions = _questions(task_id)
        state = _state(task, questions)
        if is_approval and state.status is ReviewStatus.APPROVED and version in (None, state.version):
            return state
        _check(state, version, is_approval)
        approval_close(task, questions[-1], closing)
        audit_record(
            tenant_id=principal.tenant_id,
            actor=principal.actor,
            action=PLAN_REVIEW,
            outcome=AuditOutcome.ALLOWED if is_approval else AuditOutcome.DENIED,
            reason=closing.feedback,
            resource={"task_id": str(task_id), "round": state.round},
        )
        state = _state(task, _questions(task_id))
    ring_advance(task_id, principal.tenant_id)
    return state


def _check(state: ReviewState, version: int | None, is_approval: bool) -> None:
    known = {"status": state.status.value, "round": state.round, "version": state.version}
    if version is not None and version != state.version:
        raise ReviewConflict(f"The review is at version {state.version}, not {version}; read it again.", details=known)
    if state.status is not ReviewStatus.REVIEWING:
        raise ReviewConflict(f"There is no plan to review now: the review is {state.status}.", details=known)
    if not is_approval and state.round >= settings.SHANNON_REVIEW_MAX_ROUNDS:
        rounds = settings.SHANNON_REVIEW_MAX_ROUNDS
        raise ReviewConflict(f"After {rounds} rounds a plan can be approved, or its task cancelled.", details=known)


def _reviewed(task: Task | None, task_id: UUID) -> Task:
    if task is None:
        raise TaskNotFound(details={"task_id": str(task_id)})
    if not task.parameters.get("review"):
        raise ReviewNotFound(
            "The plan of this task is not reviewed: submit it with context.require_review.",
            details={"task_id": str(task_id)},
        )
    return task


def _questions(task_id: UUID) -> list[Approval]:
    """Return the questions of a review, oldest first: one a round."""
    rows = Approval.objects.filter(task_id=task_id, action=PLAN_REVIEW, step__isnull=False)
    return list(rows.select_related("step").order_by("created_at", "id"))


def _state(task: Task, questions: Sequence[Approval]) -> ReviewState:
    decided = sum(question.status != ApprovalStatus.PENDING for question in questions)
    latest = questions[-1] if questions else None
    plan = _plan(task, latest) if latest else None
    return ReviewState(
        task_id=task.id,
        query=task.query,
        status=_status(task, latest),
        round=len(questions),
        version=len(questions) + decided,
        current_plan=plan_text(plan) if plan else None,
        plan=plan,
        turns=tuple(turn for question in questions for turn in _turns(task, question)),
        expires_at=latest.expires_at if latest and latest.status == ApprovalStatus.PENDING else None,
    )


def _status(task: Task, latest: Approval | None) -> ReviewStatus:
    if latest is not None and _is_approved(latest):
        return ReviewStatus.APPROVED
    if task.status in TASK_TERMINAL:
        return ReviewStatus.REJECTED
    if latest is not None and latest.status == ApprovalStatus.PENDING:
        return ReviewStatus.REVIEWING
    is_rejected = latest is not None and not latest.feedback  # with feedback, the planner is at work again
    return ReviewStatus.REJECTED if is_rejected else ReviewStatus.PLANNING


def _is_approved(question: Approval) -> bool:
    is_default = question.status == ApprovalStatus.EXPIRED and question.approve_by_default
    return is_default or question.status == ApprovalStatus.APPROVED


def _turns(task: Task, question: Approval) -> list[ReviewTurn]:
    turns = [ReviewTurn("assistant", plan_text(_plan(task, question)), question.created_at)]
    if question.feedback:
        turns.append(ReviewTurn("user", question.feedback, question.decided_at))
    return turns


def _plan(task: Task, question: Approval) -> dict[str, Any]:
    """Return the plan that was shown; whole, from the step, since the question holds it cut short when it is large."""
    asked: Any = question.step.input if question.step else question.subject
    plan: dict[str, Any] = value_unpack(task.tenant_id, asked)["plan"]
    return plan


def plan_text(plan: dict[str, Any]) -> str:
    """Return a plan as text that a person reads: of subtasks, or of the sides from which a question is researched."""
    if "dimensions" in plan:
        return _research_text(plan)
    lines = []
    for number, subtask in enumerate(plan.get("subtasks") or [], start=1):
        after = ", ".join(str(name) for name in subtask.get("depends_on") or [])
        tools = ", ".join(str(name) for name in subtask.get("tools") or [])
        known = [str(subtask.get("id", "")), f"after {after}" if after else "", f"tools: {tools}" if tools else ""]
        lines.append(f"{number}. {subtask.get('title', '')} ({'; '.join(filter(None, known))})")
        lines.append(f"   {subtask.get('instruction', '')}")
    if plan.get("synthesis_instruction"):
        lines.append(f"Then: {plan['synthesis_instruction']}")
    return "\n".join(lines)


def _research_text(plan: dict[str, Any]) -> str:
    lines = [f"Question: {plan.get('question', '')}"]
    for number, side in enumerate(plan["dimensions"], start=1):
        lines.append(f"{number}. {side.get('title', '')} ({side.get('id', '')}): {side.get('question', '')}")
        lines += [f"   search: {query}" for query in side.get("queries") or []]
    return "\n".join(lines)
