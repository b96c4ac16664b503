"""A request that names a skill: what it changes for the task."""

from dataclasses import replace
from typing import Any

from agents.selectors import skill_for, tool_infos
from orchestration.types import TaskRequest
from policy.errors import ScopeMissing
from policy.types import Principal
from shannon_project.foundation.errors import InvalidInput

_DANGEROUS = "tools:dangerous"


def skill_apply(*, principal: Principal, request: TaskRequest) -> tuple[TaskRequest, dict[str, Any] | None]:
    """Return the request with the role and the budget that its skill brings, and what the agents are told of it.

    What the request says itself comes first. The text is taken now: a skill that changes does not change the task.

    Raises:
        InvalidInput: `skill` is no text, or differs from the context's (the caller's fault).
        SkillNotFound: There is no such skill (the caller's fault).
        ScopeMissing: The skill is dangerous, and the key may not call dangerous tools.
    """
    name = _name(request)
    if name is None:
        return request, None
    skill = skill_for(name, tenant_id=principal.tenant_id)
    if skill.dangerous and not principal.has_scope(_DANGEROUS):
        raise ScopeMissing(f"The skill {skill.name} needs the scope {_DANGEROUS}.", details={"required": _DANGEROUS})
    known = {info.name for info in tool_infos(tenant_id=principal.tenant_id)}
    missing = sorted(set(skill.requires_tools) - known)
    if missing:
        raise InvalidInput(f"skill: {skill.name} needs tools that are not here: {', '.join(missing)}.")
    context = {key: value for key, value in request.context.items() if key != "skill"}
    if skill.budget_max is not None:
        context.setdefault("budget_max", skill.budget_max)
    role = request.role or context.get("role") or skill.requires_role
    changed = replace(request, context=context, role=role)
    told = {"name": skill.name, "version": skill.version, "content": skill.content}
    return changed, {**told, "tools": list(skill.requires_tools)}


def _name(request: TaskRequest) -> str | None:
    given, in_context = request.skill, request.context.get("skill")
    if in_context is not None and not isinstance(in_context, str):
        raise InvalidInput("context.skill: must be a text, the name of a skill.")
    if given and in_context and given != in_context:
        raise InvalidInput("skill: the field and the key of the context differ; leave one out.")
    return given or in_context or None
