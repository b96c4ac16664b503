"""Plans that a person reviews: feedback makes another plan, approval begins it, time and versions count."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.engine.recover import recover
from orchestration.errors import ReviewConflict, ReviewNotFound, TaskNotFound, UnsupportedOption
from orchestration.models import Approval, Event, Step, Task
from orchestration.reviews import ReviewState, review_approve, review_feedback, review_state
from orchestration.services import task_submit
from orchestration.types import TaskRequest, TaskStatus
from policy.types import Principal
from shannon_project.foundation.errors import InvalidInput
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

PARTS = "1. What is 17 * 3?\n2. What is 100 / 8?\n3. What is 2 + 5?"


def submitted(principal: Principal, query: str = PARTS, mode: str = "", **context: Any) -> UUID:
    request = TaskRequest(query=query, mode=mode, context={"require_review": True, **context})
    return task_submit(principal=principal, request=request).task.id


def work(task_id: UUID, times: int = 3) -> None:
    """Let a worker do all that can be done while nobody decides."""
    for _ in range(times):
        task_advance(task_id)
        drain(task_id, first=None)


def reviewed(principal: Principal, task_id: UUID) -> ReviewState:
    work(task_id)
    return review_state(principal=principal, task_id=task_id)


def kinds(task_id: UUID) -> list[str]:
    found = Event.objects.filter(task_id=task_id).order_by("seq").values_list("kind", flat=True)
    return [kind for kind in found if kind.startswith(("RESEARCH_", "REVIEW_"))]


def test_nothing_of_a_plan_begins_before_it_is_approved(principal: Principal) -> None:
    task_id = submitted(principal)
    assert review_state(principal=principal, task_id=task_id).status == "planning"
    state = reviewed(principal, task_id)
    assert (state.status, state.round, state.version) == ("reviewing", 1, 1)
    assert state.plan is not None
    assert len(state.plan["subtasks"]) == 3
    assert "17 * 3" in (state.current_plan or "")
    assert not Step.objects.filter(task_id=task_id, kind="agent").exists()
    state = review_approve(principal=principal, task_id=task_id, version=1)
    assert (state.status, state.version) == ("approved", 2)
    assert review_approve(principal=principal, task_id=task_id).status == "approved"
    task = play(task_id)
    assert task.status == TaskStatus.COMPLETED
    assert Step.objects.filter(task_id=task_id, kind="agent", status="succeeded").count() == 3
    assert kinds(task_id) == ["RESEARCH_PLAN_READY", "RESEARCH_PLAN_APPROVED"]


def test_feedback_makes_another_plan_which_is_the_one_that_is_done(principal: Principal) -> None:
    task_id = submitted(principal)
    reviewed(principal, task_id)
    state = review_feedback(principal=principal, task_id=task_id, message="What is 9 * 9?", version=1)
    assert (state.status, state.round, state.version) == ("planning", 1, 2)
    state = reviewed(principal, task_id)
    assert (state.status, state.round, state.version) == ("reviewing", 2, 3)
    assert state.plan is not None
    assert [part["instruction"] for part in state.plan["subtasks"]][-1] == "What is 9 * 9?"
    assert [turn.role for turn in state.turns] == ["assistant", "user", "assistant"]
    review_feedback(principal=principal, task_id=task_id, message="What is 8 * 8?")
    state = reviewed(principal, task_id)
    assert (state.round, len((state.plan or {})["subtasks"])) == (3, 5)
    review_approve(principal=principal, task_id=task_id)
    task = play(task_id)
    assert task.status == TaskStatus.COMPLETED
    assert "81" in (task.result or "")
    assert "64" in (task.result or "")
    assert Step.objects.filter(task_id=task_id, kind="agent").count() == 5
    told = ["RESEARCH_PLAN_UPDATED", "REVIEW_USER_FEEDBACK"]
    assert kinds(task_id) == ["RESEARCH_PLAN_READY", told[1], *told, told[0], "RESEARCH_PLAN_APPROVED"]


def test_another_version_is_a_conflict_and_changes_nothing(principal: Principal) -> None:
    task_id = submitted(principal)
    reviewed(principal, task_id)
    with pytest.raises(ReviewConflict, match="at version 1, not 7") as refused:
        review_approve(principal=principal, task_id=task_id, version=7)
    assert refused.value.details == {"status": "reviewing", "round": 1, "version": 1}
    review_feedback(principal=principal, task_id=task_id, message="shorter", version=1)
    with pytest.raises(ReviewConflict):
        review_approve(principal=principal, task_id=task_id, version=1)
    with pytest.raises(ReviewConflict, match="no plan to review now"):
        review_feedback(principal=principal, task_id=task_id, message="again")


def test_rounds_are_bounded(principal: Principal, settings: Settings) -> None:
    settings.SHANNON_REVIEW_MAX_ROUNDS = 1
    task_id = submitted(principal)
    reviewed(principal, task_id)
    with pytest.raises(ReviewConflict, match="After 1 rounds"):
        review_feedback(principal=principal, task_id=task_id, message="shorter")
    assert review_approve(principal=principal, task_id=task_id).status == "approved"


@pytest.mark.parametrize(("default", "status"), [("approve", TaskStatus.COMPLETED), ("deny", TaskStatus.FAILED)])
def test_when_nobody_reviews_in_time_the_default_holds(principal: Principal, default: str, status: TaskStatus) -> None:
    task_id = submitted(principal, review_timeout=60, review_default=default)
    reviewed(principal, task_id)
    approval = Approval.objects.get(task_id=task_id)
    assert approval.expires_at - approval.created_at < timedelta(seconds=61)
    Approval.objects.filter(task_id=task_id).update(expires_at=Now() - timedelta(seconds=1))
    recover()
    task = play(task_id)
    assert task.status == status
    if status is TaskStatus.FAILED:
        assert (task.error or {})["code"] == "PLAN_REJECTED"
        assert review_state(principal=principal, task_id=task_id).status == "rejected"


def test_a_request_with_a_review_gets_a_strategy_that_plans(principal: Principal) -> None:
    task_id = submitted(principal, query="What is 2 + 2?")
    assert Task.objects.get(id=task_id).strategy == "dag"
    with pytest.raises(UnsupportedOption, match="no plan to review"):
        submitted(principal, mode="simple")
    for context in ({"require_review": "yes"}, {"review_plan": "always"}, {"review_default": "x"}):
        with pytest.raises(InvalidInput, match=next(iter(context))):
            submitted(principal, **context)
    manual = TaskRequest(query=PARTS, context={"review_plan": "manual"})
    assert task_submit(principal=principal, request=manual).task.parameters["review"]["timeout_seconds"] == 900


def test_only_what_is_reviewed_and_ours_can_be_reviewed(principal: Principal) -> None:
    plain = task_submit(principal=principal, request=TaskRequest(query="What is 2 + 2?")).task.id
    with pytest.raises(ReviewNotFound, match="require_review"):
        review_state(principal=principal, task_id=plain)
    task_id = submitted(principal)
    stranger = Principal(uuid4(), "key:other", "other", principal.scopes)
    with pytest.raises(TaskNotFound):
        review_state(principal=stranger, task_id=task_id)
    with pytest.raises(TaskNotFound):
        review_approve(principal=stranger, task_id=task_id)
