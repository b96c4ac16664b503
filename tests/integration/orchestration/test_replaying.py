"""Replays: a run comes to the same again without any effect, and the first difference is told."""

from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command

from agents.models import JournalEntry
from agents.tools.builtin.calculator import CalculatorTool
from orchestration.engine.kinds import Work
from orchestration.engine.kinds.agent import AgentKind
from orchestration.errors import HistoryDropped, TaskNotFinished, TaskNotFound
from orchestration.models import Event, Step, Task
from orchestration.replaying import Difference, ReplayReport, task_replay
from orchestration.services import task_submit
from orchestration.types import StepOutcome, TaskRequest
from policy.models import AuditEntry, Budget, Reservation
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

PARTS = "1. What is 17 * 3?\n2. What is 100 / 8?"


def ended(principal: Principal, query: str = PARTS, mode: str = "standard") -> UUID:
    task_id = task_submit(principal=principal, request=TaskRequest(query=query, mode=mode)).task.id
    return play(task_id).id


def replayed(principal: Principal, task_id: UUID) -> ReplayReport:
    return task_replay(principal=principal, task_id=task_id)


def difference(principal: Principal, task_id: UUID) -> Difference:
    found = replayed(principal, task_id).difference
    assert found is not None
    return found


def everything() -> list[Any]:
    models = (Task, Step, Event, JournalEntry, Budget, Reservation, AuditEntry)
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_a_run_comes_to_the_same_and_nothing_happens(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    task_id = ended(principal)
    before = everything()
    monkeypatch.setattr(CalculatorTool, "execute", lambda *_: pytest.fail("the tool ran again"))
    report = replayed(principal, task_id)
    assert report.difference is None
    assert (report.decisions, report.steps) == (3, 4)
    assert report.effects == JournalEntry.objects.filter(task_id=task_id).count()
    assert everything() == before


def test_a_run_that_failed_is_replayed_to_its_failure(principal: Principal) -> None:
    task_id = task_submit(principal=principal, request=TaskRequest(query=PARTS, mode="simple")).task.id
    Budget.objects.filter(scope="task", scope_id=task_id).update(limit_tokens=1)
    assert play(task_id).status == "FAILED"
    assert replayed(principal, task_id).matches


def test_another_decision_is_told_with_its_step(principal: Principal) -> None:
    task_id = ended(principal)
    Step.objects.filter(task_id=task_id, key="agent-s2").update(title="Something else")
    found = difference(principal, task_id)
    assert (found.where, found.step_key, found.position) == ("decision", "agent-s2", 1)
    assert (found.recorded["title"], found.replayed["title"]) != ("", "Something else")
    assert found.recorded["title"] == "Something else"


def test_another_effect_is_told_with_its_place(principal: Principal) -> None:
    task_id = ended(principal, "What is 17 * 23?", "simple")
    entry = JournalEntry.objects.get(task_id=task_id, kind="tool")
    JournalEntry.objects.filter(step_id=entry.step_id, position=entry.position).update(key="python")
    found = difference(principal, task_id)
    assert (found.where, found.step_key, found.position) == ("step", "agent", entry.position)
    assert (found.recorded["key"], found.replayed["key"]) == ("python", "calculator")


def test_an_effect_that_is_not_recorded_is_told(principal: Principal) -> None:
    task_id = ended(principal, "What is 17 * 23?", "simple")
    JournalEntry.objects.filter(task_id=task_id, kind="model").latest("position").delete()
    found = difference(principal, task_id)
    assert (found.where, found.step_key) == ("step", "agent")
    assert "not recorded" in found.replayed


def test_another_output_or_result_is_told(principal: Principal) -> None:
    task_id = ended(principal, "What is 17 * 23?", "simple")
    Task.objects.filter(id=task_id).update(result="42")
    assert difference(principal, task_id).where == "result"


def breaking(_: AgentKind, work: Work) -> StepOutcome:
    """Do as code with a defect does."""
    return StepOutcome(output=work.step.input["nothing of this name"])


def test_a_step_that_breaks_now_is_told_and_one_that_broke_then_comes_to_the_same(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = ended(principal, "What is 17 * 23?", "simple")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AgentKind, "execute", breaking)
        found = difference(principal, task_id)
        assert (found.where, found.step_key, found.replayed) == ("step", "agent", "it breaks: KeyError")
    monkeypatch.setattr(AgentKind, "execute", breaking)
    failed = task_submit(principal=principal, request=TaskRequest(query="What is 2 + 2?", mode="simple")).task.id
    assert play(failed).status == "FAILED"
    assert replayed(principal, failed).matches


def test_what_is_older_than_what_is_kept_is_not_called_a_difference(principal: Principal) -> None:
    task_id = ended(principal)
    Event.objects.filter(task_id=task_id).delete()  # as when their month is dropped
    with pytest.raises(HistoryDropped):
        replayed(principal, task_id)


def test_only_what_has_ended_and_is_ours_is_replayed(principal: Principal) -> None:
    task_id = task_submit(principal=principal, request=TaskRequest(query=PARTS)).task.id
    with pytest.raises(TaskNotFinished):
        replayed(principal, task_id)
    with pytest.raises(TaskNotFound):
        replayed(Principal(uuid4(), "key:other", "other", principal.scopes), task_id)


def test_the_command_says_what_it_found(principal: Principal) -> None:
    task_id = ended(principal, "What is 17 * 23?", "simple")
    said = StringIO()
    call_command("task_replay", str(task_id), stdout=said)
    assert "simple: 2 decisions, 1 steps" in said.getvalue()
    Task.objects.filter(id=task_id).update(result="42")
    with pytest.raises(CommandError, match="the replay differs"):
        call_command("task_replay", str(task_id))
    with pytest.raises(CommandError, match="There is no task"):
        call_command("task_replay", str(uuid4()))
