"""The skills that a tenant registers: documents like those of the folders, each version as it was made."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings

from agents.errors import SkillExists, SkillInvalid, SkillNotFound
from agents.models import TenantSkill
from agents.roles.catalogue import role_names
from agents.skills.document import Skill, SkillProblem, skill_parse
from agents.tenant_rows.cache import TenantCache
from agents.tenant_rows.repository import TenantRepository
from agents.tools.registry import tools_known
from agents.types import Insert, inserted
from policy.types import Principal

log = structlog.get_logger(__name__)


def tenant_skills(tenant_id: UUID) -> Mapping[str, Skill]:
    """Return a tenant's own skills by `name@version`; one query, or none within a moment."""
    return _SKILLS.of(tenant_id)


def tenant_skill_versions(tenant_id: UUID, name: str) -> Sequence[Skill]:
    """Return the versions of a skill of a tenant's own, in no order."""
    return _SKILLS.find(tenant_id, lambda own: [skill for skill in own.values() if skill.name == name] or None) or ()


def skill_row_of(*, principal: Principal, skill_id: UUID) -> TenantSkill:
    """Return the tenant's own version of this id.

    Raises:
        SkillNotFound: It has none.
    """
    return ROWS.get(principal, id=skill_id)


def skill_create(
    *, principal: Principal, document: str, scripts: Mapping[str, str], insert: Insert = inserted
) -> TenantSkill:
    """Register a version of a skill; one of the name and version of a folder takes its place for this tenant.

    Args:
        principal: Whose it is.
        document: A SKILL.md.
        scripts: Its programs, by name.
        insert: Who inserts the row.

    Raises:
        SkillInvalid: The document or a program is not as it must be, or needs a tool or role that there is not (the
            caller's fault).
        SkillExists: The tenant has this version, or as many skills as it may have.
    """
    skill = skill_checked(principal.tenant_id, document, scripts)
    row = TenantSkill(name=skill.name, version=skill.version, document=document, scripts=dict(scripts))
    return ROWS.add(principal, row, insert=insert)


def skill_switch(*, principal: Principal, name: str, is_active: bool) -> None:
    """Switch the tenant's own versions of `name`, or the one of `name@version`, on or off.

    Raises:
        SkillNotFound: It has none (the caller's fault).
    """
    ROWS.change(principal, {"is_active": is_active}, **_which(name))


def skill_delete(*, principal: Principal, name: str) -> None:
    """Delete the tenant's own versions of `name`, or the one of `name@version`; tasks that began with it go on.

    Raises:
        SkillNotFound: It has none (the caller's fault).
    """
    ROWS.delete(principal, **_which(name))


def skill_checked(tenant_id: UUID, document: str, scripts: Mapping[str, str]) -> Skill:
    """Return the skill that a tenant wants to register.

    Raises:
        SkillInvalid: As for `skill_create`.
    """
    try:
        skill = skill_parse(document, scripts)
    except SkillProblem as error:
        raise SkillInvalid(f"The skill {error}"[:1000]) from error
    known = tools_known(skill.requires_tools, tenant_id=tenant_id)
    if missing := sorted(set(skill.requires_tools) - set(known)):
        raise SkillInvalid(
            f"There is no tool {missing[0][:100]!r}, which the skill requires.", details={"tools": missing}
        )
    if skill.requires_role is not None and skill.requires_role not in role_names(tenant_id):
        raise SkillInvalid(f"There is no role {skill.requires_role[:100]!r}, which the skill requires.")
    return skill


def skill_from_row(row: TenantSkill) -> Skill:
    """Return what a row means.

    Raises:
        SkillProblem: It means nothing; it was not written by this module.
    """
    skill = skill_parse(row.document, row.scripts)
    return replace(skill, enabled=skill.enabled and row.is_active, is_own=True)


def _which(name: str) -> dict[str, str]:
    name, _, version = name.partition("@")
    return {"name": name, **({"version": version} if version else {})}


def _skills_of(tenant_id: UUID) -> Mapping[str, Skill]:
    rows = TenantSkill.objects.filter(tenant_id=tenant_id).order_by("name", "version")
    found: dict[str, Skill] = {}
    for row in rows:
        try:
            found[str(row)] = skill_from_row(row)
        except SkillProblem as problem:  # by the rules of today; it costs the tenant no other skill
            log.warning("skill_unreadable", skill=str(row), tenant_id=str(tenant_id), problem=str(problem)[:300])
    return found


_SKILLS: TenantCache[Skill] = TenantCache(_skills_of)
ROWS: Final = TenantRepository(
    TenantSkill,
    kind="skill",
    kinds="versions of skills",
    id_name="skill_id",
    missing=SkillNotFound,
    taken=SkillExists,
    limit=lambda: settings.SHANNON_SKILLS_MAX,
)
