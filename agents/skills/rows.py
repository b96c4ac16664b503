"""The skills that a tenant registers: documents like those of the folders, each version as it was made."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.db.models.functions import Now

from agents.errors import SkillExists, SkillInvalid, SkillNotFound
from agents.inserting import row_inserted
from agents.models import TenantSkill
from agents.roles.catalogue import role_names
from agents.skills.document import Skill, SkillProblem, skill_parse
from agents.tenant_cache import TenantCache
from agents.tools.registry import tools_known
from agents.types import Insert, inserted
from policy.types import Principal


def tenant_skills(tenant_id: UUID) -> Mapping[str, Skill]:
    """Return a tenant's own skills by `name@version`; one query, or none within a moment."""
    return _SKILLS.of(tenant_id)


def skill_row_of(*, principal: Principal, skill_id: UUID) -> TenantSkill:
    """Return the tenant's own version of this id.

    Raises:
        SkillNotFound: It has none.
    """
    row = TenantSkill.objects.filter(tenant_id=principal.tenant_id, id=skill_id).first()
    if row is None:
        raise SkillNotFound(details={"skill_id": str(skill_id)})
    return row


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
    if TenantSkill.objects.filter(tenant_id=principal.tenant_id).count() >= settings.SHANNON_SKILLS_MAX:
        raise SkillExists(f"A tenant may have {settings.SHANNON_SKILLS_MAX} versions of skills of its own.")
    row = TenantSkill(
        tenant_id=principal.tenant_id,
        name=skill.name,
        version=skill.version,
        document=document,
        scripts=dict(scripts),
        created_by=principal.actor[:128],
    )
    try:
        insert(lambda: row_inserted(row))
    except IntegrityError as error:
        raise SkillExists(details={"name": skill.name, "version": skill.version}) from error
    skills_changed(principal.tenant_id)
    return row


def skill_switch(*, principal: Principal, name: str, is_active: bool) -> None:
    """Switch the tenant's own versions of `name`, or the one of `name@version`, on or off.

    Raises:
        SkillNotFound: It has none (the caller's fault).
    """
    wanted, _, version = name.partition("@")
    named = {"name": wanted, **({"version": version} if version else {})}
    rows = TenantSkill.objects.filter(tenant_id=principal.tenant_id, **named)
    if not rows.update(is_active=is_active, updated_at=Now()):
        raise _none_own(name)
    skills_changed(principal.tenant_id)


def skill_delete(*, principal: Principal, name: str) -> None:
    """Delete the tenant's own versions of `name`, or the one of `name@version`; tasks that began with it go on.

    Raises:
        SkillNotFound: It has none (the caller's fault).
    """
    wanted, _, version = name.partition("@")
    named = {"name": wanted, **({"version": version} if version else {})}
    deleted, _ = TenantSkill.objects.filter(tenant_id=principal.tenant_id, **named).delete()
    if not deleted:
        raise _none_own(name)
    skills_changed(principal.tenant_id)


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


def skills_changed(tenant_id: UUID) -> None:
    """Let this process see at once what was changed; others do `SHANNON_TENANT_TOOLS_CACHE_SECONDS` later."""
    _SKILLS.forget(tenant_id)


def _none_own(name: str) -> SkillNotFound:
    return SkillNotFound(f"The tenant has no skill {name[:100]!r} of its own.", details={"name": name[:100]})


def _skills_of(tenant_id: UUID) -> Mapping[str, Skill]:
    rows = TenantSkill.objects.filter(tenant_id=tenant_id).order_by("name", "version")
    return {str(row): skill_from_row(row) for row in rows}


_SKILLS: TenantCache[Skill] = TenantCache(_skills_of)
