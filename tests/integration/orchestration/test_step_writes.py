"""What steps of one task write at the same time goes into one transaction, each part under its own lease."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import UUID

import pytest
from pytest_django import Settings

from agents.errors import StepSuperseded, TaskPaused
from agents.journal.effect import Begun, EffectDraft
from agents.journal.entries import entry_new, entry_start
from agents.journal.postgres import PostgresJournalStore
from agents.journal.writing import Beginning, Ending
from agents.models import JournalEntry, ModelCall
from agents.types import JournalStatus
from orchestration.engine.advance import task_advance
from orchestration.engine.claim import ClaimedStep, steps_claim
from orchestration.engine.drain import drain
from orchestration.engine.facts import TaskFacts, task_facts
from orchestration.engine.lease import KEEPER
from orchestration.engine.step_engine import step_context
from orchestration.engine.step_writes import Proof, StepPart, writes_commit
from orchestration.models import Event, Step, Task
from orchestration.services import fanout_submit
from policy.models import Budget, LedgerEntry, Reservation
from policy.services import budget_settle, ledger_check
from policy.types import Amount, Hold, Principal, Purchase
from tests.integration.orchestration.playing import in_thread, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

STORE = PostgresJournalStore()
AGENTS = 24


def claimed(principal: Principal, count: int) -> tuple[TaskFacts, list[ClaimedStep]]:
    """Return a task's facts and so many of its agent steps, held by us."""
    task = fanout_submit(principal=principal, width=count, concurrency_limit=count, instruction="Who are you?")
    task_advance(task.id)
    return task_facts(task.id), steps_claim(task_id=task.id, first=None, owner="test", limit=count)


def beginning(facts: TaskFacts, step: ClaimedStep, *, tokens: int = 10) -> StepPart:
    """Return the part of a step that begins a call for so many tokens."""
    ctx = step_context(step, KEEPER.hold([step]).leases[step.step_id], facts, agent_id=step.key)
    amount, purchase = Amount(tokens, Decimal(0)), Purchase(task_id=facts.task_id, model="m")
    draft = EffectDraft(
        kind="model",
        key="agent",
        request={"ask": step.key},
        perform=lambda _: {},
        idempotent=True,
        before=lambda emit, position: emit("LLM_PROMPT", f"{step.key} at {position}"),
        hold=lambda position: Hold(facts.principal.tenant_id, step.step_id, position, facts.budgets, amount, purchase),
    )
    entry = entry_new(ctx, position=0, kind="model", key="agent", digest="d")
    entry_start(entry, ctx, ())
    return part(step, Beginning(STORE, [Begun(draft, entry, is_new=True)], ()))


def ending(step: ClaimedStep, *, is_written: Callable[[], bool] = lambda: False) -> StepPart:
    """Return the part of a step that ends its call; it cost three tokens."""
    entry = STORE.load(step.step_id)[0]
    entry.status, entry.response = JournalStatus.FINISHED, {"text": "yes"}

    def tell(emit: Callable[..., None]) -> None:
        budget_settle(step_id=step.step_id, position=0, actual=Amount(3, Decimal(0)))
        emit("LLM_OUTPUT", step.key)

    return part(step, Ending(STORE, [entry], tell, is_written))


def part(step: ClaimedStep, what: Beginning | Ending) -> StepPart:
    return StepPart(step.step_id, step.key, step.attempt, step.key, (), what)


def commit(task_id: UUID, parts: Sequence[StepPart]) -> list[Proof | None]:
    return writes_commit((task_id, type(parts[0].what)), parts)


def test_steps_begin_together_and_one_whose_lease_is_lost_begins_nothing(principal: Principal) -> None:
    facts, steps = claimed(principal, 4)
    Step.objects.filter(id=steps[1].step_id).update(attempt=7)
    proofs = commit(facts.task_id, [beginning(facts, step) for step in steps])
    assert [type(proof.error) if proof and proof.error else None for proof in proofs] == [
        None,
        StepSuperseded,
        None,
        None,
    ]
    written = {steps[0].step_id, steps[2].step_id, steps[3].step_id}
    assert set(JournalEntry.objects.values_list("step_id", flat=True)) == written
    assert set(Reservation.objects.filter(status="held").values_list("step_id", flat=True)) == written
    assert set(Budget.objects.filter(period="").values_list("reserved_tokens", flat=True)) == {30}
    told = Event.objects.filter(task_id=facts.task_id).order_by("seq")
    assert [event.seq for event in told] == list(range(1, len(told) + 1))
    assert [event.step_key for event in told if event.kind == "LLM_PROMPT"] == ["agent-0", "agent-2", "agent-3"]


def test_those_for_which_money_can_simply_be_set_aside_begin_and_each_of_the_others_alone(
    principal: Principal,
) -> None:
    facts, steps = claimed(principal, 4)
    Budget.objects.filter(scope="task").update(limit_tokens=25, notify_percent=None)
    parts = [beginning(facts, step) for step in steps]
    assert [proof is not None for proof in commit(facts.task_id, parts)] == [True, True, False, False]
    written = {step.step_id for step in steps[:2]}
    assert set(JournalEntry.objects.values_list("step_id", flat=True)) == written
    assert set(Reservation.objects.values_list("step_id", flat=True)) == written
    assert set(Budget.objects.filter(period="").values_list("reserved_tokens", flat=True)) == {20}
    told = Event.objects.filter(task_id=facts.task_id).order_by("seq")
    assert [event.step_key for event in told if event.kind == "LLM_PROMPT"] == ["agent-0", "agent-1"]
    assert commit(facts.task_id, parts[2:3])[0] is not None, "alone it decides by itself what its money is"


@pytest.mark.parametrize("percent", ["notify_percent", "cheaper_tier_percent", "ask_person_percent"])
def test_a_threshold_is_left_to_who_asks_alone(principal: Principal, percent: str) -> None:
    facts, steps = claimed(principal, 3)
    Budget.objects.filter(scope="task").update(limit_tokens=100, **{percent: 30})
    proofs = commit(facts.task_id, [beginning(facts, step) for step in steps])
    assert [proof is not None for proof in proofs] == [True, True, False], "twenty of a hundred is below it"


def test_nothing_begins_in_a_paused_task(principal: Principal) -> None:
    facts, steps = claimed(principal, 2)
    Task.objects.filter(id=facts.task_id).update(status="PAUSED")
    proofs = commit(facts.task_id, [beginning(facts, step) for step in steps])
    assert [type(proof.error) for proof in proofs if proof] == [TaskPaused, TaskPaused]
    assert not JournalEntry.objects.exists()


def test_steps_end_together_and_what_is_written_is_not_written_again(principal: Principal) -> None:
    facts, steps = claimed(principal, 3)
    assert all(commit(facts.task_id, [beginning(facts, step) for step in steps]))
    parts = [ending(steps[0]), ending(steps[1], is_written=lambda: True), ending(steps[2])]
    assert all(commit(facts.task_id, parts))
    assert sorted(JournalEntry.objects.values_list("status", flat=True)) == ["finished", "finished", "started"]
    assert JournalEntry.objects.filter(status="finished", finished_at__isnull=False).count() == 2
    assert set(Budget.objects.filter(period="").values_list("spent_tokens", "reserved_tokens")) == {(6, 10)}
    assert LedgerEntry.objects.count() == 2
    assert Event.objects.filter(kind="LLM_OUTPUT").count() == 2


def test_many_agents_of_one_task_keep_every_promise(principal: Principal, settings: Settings) -> None:
    settings.SHANNON_OFFLINE_LATENCY_SECONDS = 0.05
    task = fanout_submit(principal=principal, width=AGENTS, concurrency_limit=AGENTS, instruction="Who are you?")
    task_advance(task.id)
    first = list(Step.objects.filter(task=task).values_list("id", flat=True))
    with ThreadPoolExecutor(AGENTS) as threads:
        list(threads.map(lambda step_id: in_thread(lambda: drain(task.id, first=step_id)), first))
    task_advance(task.id)
    task.refresh_from_db()
    assert task.status == "COMPLETED"
    assert set(Step.objects.filter(task=task).values_list("status", "attempt")) == {("succeeded", 1)}
    assert ModelCall.objects.filter(task_id=task.id).count() == AGENTS
    assert JournalEntry.objects.filter(task_id=task.id, kind="model", status="finished").count() == AGENTS
    told = list(Event.objects.filter(task=task).order_by("seq").values_list("seq", "kind"))
    assert [seq for seq, _ in told] == list(range(1, len(told) + 1))
    kinds = [kind for _, kind in told]
    for kind in ("AGENT_STARTED", "LLM_PROMPT", "AGENT_COMPLETED"):
        assert kinds.count(kind) == AGENTS, kind
    assert set(Reservation.objects.values_list("status", flat=True)) == {"settled"}
    spent = sum(entry.tokens for entry in LedgerEntry.objects.filter(task_id=task.id))
    assert spent == task.prompt_tokens + task.completion_tokens
    assert Budget.objects.get(scope="task", scope_id=task.id).spent_tokens == spent
    assert ledger_check() == []
