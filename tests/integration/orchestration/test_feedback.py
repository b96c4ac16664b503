"""What people say of answers: kept, told, learned from, and found again with what was remembered."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from agents.models import Memory
from agents.services import memory_search
from orchestration.aftermath import aftermath_work
from orchestration.errors import AnswerMissing, IdempotencyMismatch, TaskNotFound
from orchestration.feedback import feedback_give, feedback_of, feedback_withdraw
from orchestration.learning import records_of
from orchestration.models import Event, Task
from orchestration.services import task_submit
from orchestration.strategies import OFFERED, Record, route
from orchestration.types import Rating, TaskRequest, TaskStatus
from policy.services import tenant_seed
from policy.types import Principal
from shannon_project.foundation.errors import InvalidInput
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

SUM = "What is 17 * (3 + 4)?"
CLUSTER = route(SUM, frozenset(OFFERED)).cluster


def run(principal: Principal, mode: str = "simple", query: str = SUM) -> Task:
    task = play(task_submit(principal=principal, request=TaskRequest(query=query, mode=mode)).task.id)
    assert task.status == TaskStatus.COMPLETED, task.error
    return task


def give(principal: Principal, task: Task, rating: Rating = Rating.BAD, **more: Any) -> Any:
    return feedback_give(principal=principal, task_id=task.id, rating=rating, **more)


def told(task: Task) -> list[dict[str, Any]]:
    events = Event.objects.filter(task=task, kind="USER_FEEDBACK").order_by("seq")
    return [event.payload for event in events]


def record(principal: Principal, strategy: str = "simple") -> Record:
    return {one.strategy: one for one in records_of(tenant_id=principal.tenant_id, cluster=CLUSTER)}[strategy]


def test_it_is_kept_told_and_counted_in_the_task(principal: Principal) -> None:
    task = run(principal)
    given = give(principal, task, comment=" it forgot the brackets ")
    assert (given.said.rating, given.said.score, given.said.comment) == ("bad", 0.0, "it forgot the brackets")
    (row,) = feedback_of(task_id=task.id)
    assert (row.tenant_id, row.given_by, row.given_at) == (principal.tenant_id, "key:test", given.given_at)
    after = Task.objects.get(id=task.id)
    assert (after.feedback_score, after.feedback_count) == (0.0, 1)
    expected = {
        "rating": "bad",
        "score": 0.0,
        "comment": "it forgot the brackets",
        "by": "key:test",
        "mean": 0.0,
        "count": 1,
    }
    assert told(task) == [expected]


def test_the_same_again_changes_nothing_and_another_word_replaces_it(principal: Principal) -> None:
    task = run(principal)
    for _ in range(2):
        give(principal, task, Rating.GOOD, score=0.75)
    assert [event["score"] for event in told(task)] == [0.75]
    give(principal, task, Rating.BAD)
    assert [(row.rating, row.score) for row in feedback_of(task_id=task.id)] == [("bad", 0.0)]
    assert Task.objects.get(id=task.id).feedback_score == 0.0


def test_several_people_are_averaged_and_a_person_with_two_keys_is_one(principal: Principal) -> None:
    task = run(principal)
    keys = [replace(principal, actor=f"key:{number}", user_id="ann", api_key_id=UUID(int=number)) for number in (1, 2)]
    give(keys[0], task, Rating.GOOD)
    give(keys[1], task, Rating.GOOD, score=0.5)
    give(principal, task, Rating.BAD)
    assert [row.given_by for row in feedback_of(task_id=task.id)] == ["key:test", "ann"]
    after = Task.objects.get(id=task.id)
    assert (after.feedback_score, after.feedback_count) == (0.25, 2)


def test_what_one_said_can_be_taken_back(principal: Principal) -> None:
    task = run(principal)
    assert feedback_withdraw(principal=principal, task_id=task.id) is False
    give(principal, task)
    assert feedback_withdraw(principal=principal, task_id=task.id) is True
    after = Task.objects.get(id=task.id)
    assert (after.feedback_score, after.feedback_count, feedback_of(task_id=task.id)) == (None, 0, [])
    assert told(task)[-1]["rating"] is None
    assert Memory.objects.get(task_id=task.id).feedback_score is None


def test_a_key_gives_the_first_answer_again_and_is_refused_for_another(principal: Principal) -> None:
    task = run(principal)
    first = give(principal, task, Rating.GOOD, idempotency_key="k")
    give(principal, task, Rating.BAD)
    again = give(principal, task, Rating.GOOD, idempotency_key="k")
    assert (again.said, again.given_at, again.is_replayed) == (first.said, first.given_at, True)
    assert Task.objects.get(id=task.id).feedback_score == 0.0, "what was said since stays"
    with pytest.raises(IdempotencyMismatch):
        give(principal, task, Rating.BAD, idempotency_key="k")


def test_only_answers_of_the_own_tenant_can_be_judged(principal: Principal) -> None:
    task = run(principal)
    stranger = replace(principal, tenant_id=tenant_seed(slug="other", name="Other").id)
    with pytest.raises(TaskNotFound):
        give(stranger, task)
    with pytest.raises(TaskNotFound):
        feedback_withdraw(principal=stranger, task_id=task.id)
    waiting = task_submit(principal=principal, request=TaskRequest(query=SUM)).task
    with pytest.raises(AnswerMissing, match="QUEUED"):
        give(principal, waiting)


@pytest.mark.parametrize(("rating", "score"), [("good", 0.49), ("bad", 0.5), ("good", 1.01), ("bad", -0.1)])
def test_a_score_that_contradicts_its_rating_is_refused(principal: Principal, rating: str, score: float) -> None:
    with pytest.raises(InvalidInput, match="score"):
        give(principal, run(principal), Rating(rating), score=score)


@pytest.mark.parametrize("mode", ["simple", "react"])
def test_what_is_remembered_says_what_people_say_and_bad_answers_come_last(principal: Principal, mode: str) -> None:
    """`simple` remembers in its step; what `react` said is remembered after its end, here after it was judged."""
    wrong, right = run(principal, mode), run(principal, mode, query="What is 17 * (3 + 4) today?")
    give(principal, wrong, comment="VAT is missing")
    aftermath_work()
    hits = memory_search(tenant_id=principal.tenant_id, query=SUM, limit=5)
    assert [(hit.task_id, hit.rating, hit.feedback_comment) for hit in hits] == [
        (right.id, None, ""),
        (wrong.id, "bad", "VAT is missing"),
    ]
    assert hits[0].score <= hits[1].score, "the bad one is nearer, and last all the same"


def test_an_agent_that_finds_a_bad_answer_again_says_so(principal: Principal) -> None:
    wrong = run(principal)
    give(principal, wrong, comment="VAT is missing")
    answer = run(principal, query="What did we find earlier about 17 * (3 + 4)?").result or ""
    assert "(called wrong: VAT is missing)" in answer


def test_the_router_learns_from_it_before_and_after_the_outcome_was_recorded(
    principal: Principal, settings: Settings
) -> None:
    settings.SHANNON_ROUTER_LEARNS = True
    early, late = run(principal), run(principal)
    give(principal, early)
    assert records_of(tenant_id=principal.tenant_id, cluster=CLUSTER) == [], "left to the aftermath, which is due"
    aftermath_work()
    assert (record(principal).runs, record(principal).judged, record(principal).score) == (2, 1, 0.5)
    give(principal, late, Rating.BAD, score=0.25)
    assert (record(principal).runs, record(principal).judged, record(principal).score) == (2, 2, 0.125)
    give(principal, late, Rating.GOOD)
    assert (record(principal).judged, record(principal).score) == (2, 0.5)
    feedback_withdraw(principal=principal, task_id=early.id)
    assert (record(principal).runs, record(principal).judged, record(principal).score) == (2, 1, 1.0)


def test_a_task_that_ended_before_the_switch_is_learned_from_when_somebody_judges_it(
    principal: Principal, settings: Settings
) -> None:
    task = run(principal)
    aftermath_work()
    give(principal, task)
    assert records_of(tenant_id=principal.tenant_id, cluster=CLUSTER) == []
    settings.SHANNON_ROUTER_LEARNS = True
    give(principal, task, Rating.GOOD)
    assert (record(principal).runs, record(principal).judged, record(principal).score) == (1, 1, 1.0)
    assert Task.objects.get(id=task.id).learned == {
        "cluster": CLUSTER,
        "strategy": "simple",
        "score": 1.0,
        "is_judged": True,
    }


def test_it_takes_as_many_round_trips_for_the_third_as_for_the_second(principal: Principal, settings: Settings) -> None:
    settings.SHANNON_ROUTER_LEARNS = True
    task = run(principal)
    aftermath_work()
    counts = []
    for name in ("a", "b", "c"):
        with CaptureQueriesContext(connection) as asked:
            give(replace(principal, actor=f"key:{name}"), task)
        counts.append(len(asked))
    # begin, the task's lock, the row, all rows, the router's record, the task, memories, the event, commit
    assert counts == [9, 9, 9]
