"""Tasks of templates."""

from typing import Any

from orchestration.models import Step, Task
from orchestration.services import task_submit
from orchestration.types import TaskRequest
from policy.types import Principal
from tests.integration.orchestration.playing import play


def run(principal: Principal, name: str, inputs: dict[str, Any]) -> Task:
    request = TaskRequest(query=f"Carry out {name}", template=name, template_inputs=inputs)
    return play(task_submit(principal=principal, request=request).task.id)


def keys_of(task: Task) -> list[str]:
    return list(Step.objects.filter(task=task).order_by("position").values_list("key", flat=True))


NODES = "name: x\nnodes:\n"
