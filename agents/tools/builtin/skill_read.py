"""Reading how something is done well, when it is needed."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from agents.skills.catalogue import Skill, skill_allowed, skills
from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.tools.schemas import list_of, object_of


class SkillReadTool(Tool):
    """Gives an agent the text of one skill: names and purposes are told with the tool, texts only when asked for."""

    name = "skill_read"
    category = "skills"
    returns = object_of(
        name="string",
        version="string",
        content="string",
        requires_tools=list_of("string"),
        scripts=list_of("string"),
    )
    parameters = {
        "type": "object",
        "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 100}},
        "required": ["name"],
        "additionalProperties": False,
    }
    timeout_seconds = 2.0

    def __init__(self) -> None:
        """Name the skills that there are."""
        self.description = _told(skills())

    def told(self, tenant_id: UUID) -> str:
        """Name the tenant's own skills too."""
        return _told(skills(tenant_id=tenant_id))

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return `{"name", "version", "content", "requires_tools", "scripts"}`; `skill_run` runs a script."""
        skill = skill_allowed(arguments["name"], tenant_id=ctx.tenant_id, may_use_dangerous=ctx.may_use_dangerous)
        return ToolOutput(
            {
                "name": skill.name,
                "version": skill.version,
                "content": skill.content,
                "requires_tools": list(skill.requires_tools),
                "scripts": sorted(skill.scripts),
            }
        )


def _told(known: Iterable[Skill]) -> str:
    listed = "; ".join(f"{skill.name}: {skill.description}" for skill in known)
    return f"Read a way of working before you begin work of its kind. There are: {listed}"
