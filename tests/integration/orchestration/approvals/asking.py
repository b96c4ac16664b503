"""Tasks that ask a person, and what the person says."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from agents.models import JournalEntry
from orchestration.approvals import approval_decide
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.models import Approval, Event
from orchestration.services import task_submit
from orchestration.types import TaskRequest
from policy.services import policies_forget, policy_save
from policy.types import Principal

SUM = "What is 17 * (3 + 4)?"


@pytest.fixture(autouse=True)
def _no_policies_of_another_test() -> Iterator[None]:
    policies_forget()
    yield
    policies_forget()


def policy(principal: Principal, condition: str, action: str = "tool.call", more: str = "") -> None:
    """Let a policy of the tenant ask a person where the condition holds."""
    rego = f"""package tenant.people
import rego.v1
actions := {{"{action}"}}
require_approval contains "A person must look at this." if {{ {condition} }}
{more}
"""
    policy_save(name="people", rego=rego, tenant_id=principal.tenant_id)
    policies_forget()


def submitted(principal: Principal, **values: Any) -> UUID:
    request = TaskRequest(**{"query": SUM, "mode": "simple", **values})
    return task_submit(principal=principal, request=request).task.id


def step(task_id: UUID) -> None:
    """Let a worker do what there is to do now."""
    task_advance(task_id)
    drain(task_id, first=None)


def waiting(task_id: UUID) -> Approval:
    """Work until the task waits, and return for what."""
    step(task_id)
    return Approval.objects.get(task_id=task_id, status="pending")


def decide(principal: Principal, approval: Approval, *, approved: bool = True, **values: Any) -> Approval:
    return approval_decide(
        principal=principal, approval_id=approval.id, task_id=approval.task_id, approved=approved, **values
    )


def kinds(task_id: UUID) -> list[str]:
    return list(Event.objects.filter(task_id=task_id).order_by("seq").values_list("kind", flat=True))


def calls(task_id: UUID) -> list[tuple[str, str]]:
    rows = JournalEntry.objects.filter(task_id=task_id).order_by("position")
    return list(rows.values_list("kind", "status"))
