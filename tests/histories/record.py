"""Records the histories that are missing: `python -m pytest tests/histories/record.py`. Not part of the suite."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from django.core.management import call_command
from django.test import override_settings

from agents.llm.base import _gateway_of, gateway_in_use
from agents.llm.fake import FakeGateway
from agents.llm.types import ModelReply, ToolCall
from agents.tools.builtin.calculator import CalculatorTool
from orchestration.approvals import approval_decide
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.forking import ForkRequest, task_fork
from orchestration.messages import message_send
from orchestration.models import Approval
from orchestration.reviews import review_approve, review_feedback
from orchestration.services import fanout_submit, task_submit, tool_execute
from orchestration.strategies import OFFERED
from orchestration.types import TaskRequest
from orchestration.workflows.service import templates_load
from policy.models import Budget
from policy.types import Principal
from tests.histories.loading import FOLDER
from tests.integration.orchestration.playing import play, principal
from tests.integration.orchestration.strategies.corpus import web

__all__ = ["principal", "web"]

pytestmark = pytest.mark.django_db(transaction=True)

PARTS = "1. What is 17 * 3?\n2. What is 100 / 8?\n3. What is 2 + 5?"
MODES = tuple(sorted(OFFERED))


def submitted(who: Principal, query: str = PARTS, **values: object) -> UUID:
    return task_submit(principal=who, request=TaskRequest(query=query, **values)).task.id  # type: ignore[arg-type]


def work(task_id: UUID) -> None:
    for _ in range(3):
        task_advance(task_id)
        drain(task_id, first=None)


def reviewed(who: Principal) -> UUID:
    task_id = submitted(who, context={"require_review": True})
    work(task_id)
    review_feedback(principal=who, task_id=task_id, message="What is 9 * 9?")
    work(task_id)
    review_approve(principal=who, task_id=task_id)
    return task_id


def approved(who: Principal) -> UUID:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CalculatorTool, "requires_approval", True)
        task_id = submitted(who, "What is 17 * 23?", mode="simple")
        work(task_id)
        (approval,) = Approval.objects.filter(task_id=task_id)
        changes = {"arguments": {"expression": "2 * 21"}}
        approval_decide(principal=who, approval_id=approval.id, task_id=task_id, approved=True, modified_action=changes)
        play(task_id)
    return task_id


def at_once(who: Principal) -> UUID:
    """A turn of three calls, of which the second waits for a person while the others are made."""
    wanted = [
        ("json_query", {"expression": "a", "text": '{"a": 1}'}),
        ("calculator", {"expression": "6 * 7"}),
        ("json_query", {"expression": "b", "text": '{"b": 2}'}),
    ]
    calls = tuple(ToolCall(f"c{n}", name, json.dumps(arguments)) for n, (name, arguments) in enumerate(wanted))
    reply = ModelReply("I look.", calls, 100, 10, Decimal("0.001"), "offline/medium", "offline", "tool_calls")
    with override_settings(SHANNON_MODEL_GATEWAY="agents.llm.fake.FakeGateway"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(CalculatorTool, "requires_approval", True)
        _gateway_of.cache_clear()
        fake = gateway_in_use()
        assert isinstance(fake, FakeGateway)
        fake._script = iter([reply, "It is 42."])
        task_id = submitted(who, "What is 6 * 7?", mode="simple")
        work(task_id)
        (approval,) = Approval.objects.filter(task_id=task_id)
        approval_decide(principal=who, approval_id=approval.id, task_id=task_id, approved=True)
        play(task_id)
    _gateway_of.cache_clear()
    return task_id


def spoken_to(who: Principal) -> UUID:
    task_id = submitted(who, "What is 17 * 23?", mode="simple")
    task_advance(task_id)
    message_send(principal=who, task_id=task_id, text="Say it in French.")
    return task_id


def forked(who: Principal) -> UUID:
    source = submitted(who, mode="dag")
    play(source)
    return task_fork(principal=who, task_id=source, request=ForkRequest(from_step_key="agent-s2")).task.id


def failed(who: Principal) -> UUID:
    task_id = submitted(who, mode="dag")
    task_advance(task_id)
    drain(task_id, first=None)  # the plan
    Budget.objects.filter(scope="task", scope_id=task_id).update(limit_tokens=1)
    return task_id


def templated(who: Principal) -> UUID:
    templates_load()
    return submitted(who, "Compute", template="calculation", template_inputs={"expressions": ["6 * 7", "2 + 3"]})


RUNS: dict[str, Callable[[Principal], UUID]] = {
    **{mode: (lambda who, mode=mode: submitted(who, mode=mode)) for mode in MODES},  # type: ignore[misc]
    "tool": lambda who: (
        tool_execute(principal=who, name="calculator", arguments={"expression": "6 * 7"}, session_id=None).task.id
    ),
    "fanout": lambda who: fanout_submit(principal=who, width=3, concurrency_limit=3).id,
    "research": lambda who: submitted(who, "How do wild bees in the city fare?", mode="research"),
    "template": templated,
    "auto": lambda who: submitted(who, "Should we first count the words in 'a b' and then work out 2 + 3?"),
    "reviewed": reviewed,
    "approved": approved,
    "at_once": at_once,
    "spoken_to": spoken_to,
    "forked": forked,
    "failed": failed,
}


@pytest.mark.parametrize("name", sorted(RUNS))
@pytest.mark.usefixtures("web")
def test_record(principal: Principal, name: str) -> None:
    path: Path = FOLDER / f"{name}.json"
    if path.exists():
        pytest.skip("recorded already")
    task_id = RUNS[name](principal)
    play(task_id)
    call_command("task_history_export", str(task_id), output=path)
