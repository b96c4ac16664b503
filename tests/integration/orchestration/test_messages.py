"""Messages of people to running tasks: heard at the next turn, once, and the same when a step is run again."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings

from agents.models import JournalEntry
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.errors import (
    IdempotencyMismatch,
    TaskAlreadyFinished,
    TaskNotFound,
    TooManyMessages,
    UnsupportedOption,
)
from orchestration.forking import ForkRequest, task_fork
from orchestration.messages import message_send
from orchestration.models import Event, Step, Task
from orchestration.services import task_submit, tool_execute
from orchestration.types import TaskRequest, TaskStatus
from policy.types import Principal
from shannon_project.foundation.errors import InvalidInput
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)


def submitted(principal: Principal, query: str = "What is 17 * 3?", mode: str = "simple") -> UUID:
    return task_submit(principal=principal, request=TaskRequest(query=query, mode=mode)).task.id


def say(principal: Principal, task_id: UUID, text: str = "Say it in French.", **more: Any) -> int:
    return message_send(principal=principal, task_id=task_id, text=text, **more).number


def asked(task_id: UUID) -> list[list[str]]:
    """Return the texts of each model call of the task's agents."""
    entries = JournalEntry.objects.filter(task_id=task_id, kind="model", key="agent").order_by("step_id", "position")
    return [[str(message["content"]) for message in entry.request["messages"]] for entry in entries]


def test_an_agent_hears_a_message_before_its_next_turn_and_once(principal: Principal) -> None:
    task_id = submitted(principal)
    task_advance(task_id)
    assert say(principal, task_id) == 1
    assert say(principal, task_id, "And briefly.") == 2
    assert play(task_id).status == TaskStatus.COMPLETED
    turns = asked(task_id)
    assert sum("Say it in French." in text for text in turns[-1]) == 1
    assert sum("And briefly." in text for text in turns[0]) == 1
    assert JournalEntry.objects.filter(task_id=task_id, kind="messages").count() == 1
    told = Event.objects.filter(task_id=task_id, kind="HITL_RESPONSE").order_by("seq")
    assert [event.payload["message"] for event in told] == ["Say it in French.", "And briefly."]
    assert told[0].payload["by"] == "key:test"


def test_a_message_that_comes_between_two_turns_is_heard_in_the_later_one(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = submitted(principal)

    def execute(self: Any, ctx: Any, arguments: Any) -> Any:
        say(principal, task_id, "Stop there.")
        return original(self, ctx, arguments)

    from agents.tools.builtin.calculator import CalculatorTool  # noqa: PLC0415

    original = CalculatorTool.execute
    monkeypatch.setattr(CalculatorTool, "execute", execute)
    play(task_id)
    first, second = asked(task_id)
    assert not any("Stop there." in text for text in first)
    assert "Stop there." in second[-1]


def test_an_agent_that_nobody_speaks_to_asks_nothing_more(principal: Principal) -> None:
    task_id = submitted(principal)
    play(task_id)
    assert not JournalEntry.objects.filter(task_id=task_id, kind="messages").exists()


def test_a_message_to_one_agent_is_for_that_one(principal: Principal) -> None:
    task_id = submitted(principal, "1. What is 17 * 3?\n2. What is 100 / 8?", "standard")
    task_advance(task_id)
    drain(task_id, first=None)
    task_advance(task_id)
    say(principal, task_id, "Only you.", to="agent-s2")
    play(task_id)
    entries = JournalEntry.objects.filter(task_id=task_id, kind="model", key="agent")
    heard = {entry.step_id for entry in entries if "Only you." in str(entry.request)}
    assert heard == {Step.objects.get(task_id=task_id, key="agent-s2").id}


def test_the_lead_of_a_swarm_hears_it_for_its_agents(principal: Principal) -> None:
    task_id = submitted(principal, "Compare two ways to sort a list.", "swarm")
    task_advance(task_id)
    say(principal, task_id, "Think of memory too.")
    play(task_id)
    entries = JournalEntry.objects.filter(task_id=task_id, kind="model")
    assert any("Think of memory too." in str(entry.request) for entry in entries)
    assert not JournalEntry.objects.filter(task_id=task_id, kind="messages").exists()


def test_a_fork_keeps_what_was_said_and_takes_more(principal: Principal) -> None:
    task_id = submitted(principal)
    task_advance(task_id)
    say(principal, task_id)
    play(task_id)
    source = Task.objects.get(id=task_id)
    made = task_fork(principal=principal, task_id=source.id, request=ForkRequest(from_step_key="agent")).task
    assert say(principal, made.id, "And slowly.") == 2
    play(made.id)
    assert any("Say it in French." in text for text in asked(made.id)[0])
    assert any("And slowly." in text for text in asked(made.id)[0])


def test_a_message_is_sent_once_under_its_key(principal: Principal) -> None:
    task_id = submitted(principal)
    sent = [
        message_send(principal=principal, task_id=task_id, text="Say it in French.", idempotency_key="k")
        for _ in range(2)
    ]
    assert [(message.number, message.created) for message in sent] == [(1, True), (1, False)]
    with pytest.raises(IdempotencyMismatch):
        message_send(principal=principal, task_id=task_id, text="Say it in German.", idempotency_key="k")
    assert say(principal, task_id, "And briefly.") == 2
    play(task_id)
    late = message_send(principal=principal, task_id=task_id, text="Say it in French.", idempotency_key="k")
    assert (late.number, late.created) == (1, False), "the first answer, although the task has ended"
    assert Event.objects.filter(task_id=task_id, kind="HITL_RESPONSE").count() == 2


def test_refusals(principal: Principal, settings: Settings) -> None:
    task_id = submitted(principal)
    stranger = Principal(uuid4(), "key:other", "other", principal.scopes)
    with pytest.raises(TaskNotFound):
        say(stranger, task_id)
    for text in ("  ", "a\x00b", "x" * (settings.SHANNON_MESSAGE_MAX_BYTES + 1)):
        with pytest.raises(InvalidInput, match="message"):
            say(principal, task_id, text)
    settings.SHANNON_TASK_MAX_MESSAGES = 1
    say(principal, task_id)
    with pytest.raises(TooManyMessages):
        say(principal, task_id)
    call = tool_execute(principal=principal, name="calculator", arguments={"expression": "1"}, session_id=None).task
    with pytest.raises(UnsupportedOption):
        say(principal, call.id)
    play(task_id)
    with pytest.raises(TaskAlreadyFinished):
        say(principal, task_id)
