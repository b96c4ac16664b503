"""What an agent step hands to its agent."""

import pytest

from orchestration.engine.advance import task_advance
from orchestration.models import Step
from orchestration.services import task_submit
from orchestration.types import TaskRequest, TaskStatus
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("tools", "calls"), [({}, 1), ({"tools": ["calculator"]}, 1), ({"tools": []}, 0)])
def test_a_step_that_names_no_tools_has_none_and_one_that_is_silent_has_all(
    principal: Principal, tools: dict[str, list[str]], calls: int
) -> None:
    task = task_submit(principal=principal, request=TaskRequest(query="What is 17 * (3 + 4)?", mode="simple")).task
    task_advance(task.id)
    step = Step.objects.get(task_id=task.id)
    Step.objects.filter(id=step.id).update(input={**step.input, **tools})
    ended = play(task.id)
    assert ended.status == TaskStatus.COMPLETED
    assert ended.tool_calls == calls
