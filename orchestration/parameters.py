"""What a task's strategy and steps are given: decided when it is submitted, and the same from then on."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from agents.selectors import Role, tool_infos
from orchestration.budget_options import TaskBudget
from orchestration.choosing import Choice
from orchestration.types import TaskRequest
from orchestration.wishes import Wishes
from orchestration.workflows.service import template_prepare
from policy.types import Principal


def _template(principal: Principal, wishes: Wishes) -> dict[str, Any]:
    """Return the template's workflow and inputs as they are now; later versions change nothing for this task."""
    if not wishes.template:
        return {}
    return template_prepare(principal=principal, reference=wishes.template, inputs=wishes.template_inputs)


def parameters_of(
    principal: Principal,
    request: TaskRequest,
    wishes: Wishes,
    choice: Choice,
    budget: TaskBudget,
    *,
    roles: Mapping[str, Role],
) -> dict[str, Any]:
    """Return what the strategy and its steps are given; what is not asked for is left out."""
    wanted = {
        "max_output_tokens": request.max_output_tokens,
        "sampling": dict(request.sampling),
        "role": wishes.role,
        "max_turns": wishes.max_turns,
        "system_prompt": wishes.system_prompt,
        "answer_schema": wishes.answer_schema,
        "budget": budget.as_parameters(),
        "template": _template(principal, wishes),
    }
    return {
        "tools": [
            info.name for info in tool_infos(tenant_id=principal.tenant_id) if not (info.dangerous or info.implicit)
        ],
        "roles": list(roles),
        "role_descriptions": {name: role.description for name, role in roles.items()},
        "role_tools": True,
        "max_subtasks": settings.SHANNON_PLAN_MAX_SUBTASKS,
        "model_tier": wishes.model_tier,
        "model_override": request.model_override,
        "strategy": choice.parameters,
        **{name: value for name, value in wanted.items() if value},
    }
