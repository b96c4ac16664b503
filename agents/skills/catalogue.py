"""The skills that there are: from folders, the same for everybody, and each tenant's own."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from uuid import UUID

from django.conf import settings

from agents.errors import SkillNotFound, SkillUnreadable
from agents.skills.document import SCRIPT_GUESTS, SCRIPT_MAX_BYTES, Skill, SkillProblem, skill_parse
from agents.skills.rows import tenant_skill_versions, tenant_skills
from policy.errors import ScopeMissing
from policy.services import registry_ask


def skill_for(name: str, *, tenant_id: UUID | None = None) -> Skill:
    """Return a skill by `name` (its newest enabled version) or `name@version`.

    Args:
        name: Which one.
        tenant_id: Whose own skills count too; None: those of the folders alone.

    Raises:
        SkillNotFound: There is none (the caller's fault); `details.skills` names those that exist.
    """
    wanted, _, version = name.partition("@")
    for skill in skill_versions(wanted, tenant_id=tenant_id):
        if skill.version == version or (not version and skill.enabled):
            return skill
    raise _missing(name, tenant_id)


def skill_allowed(name: str, *, tenant_id: UUID | None = None, may_use_dangerous: bool) -> Skill:
    """Return a skill as `skill_for` does, for whoever may use it.

    Raises:
        SkillNotFound: There is none (the caller's fault).
        ScopeMissing: It is dangerous, and the key may not use such.
    """
    if tenant_id is not None:
        registry_ask(tenant_id)  # it is about to be used: what was switched off a moment ago is not there any more
    skill = skill_for(name, tenant_id=tenant_id)
    if skill.dangerous and not may_use_dangerous:
        raise ScopeMissing(
            f"The skill {skill.name} needs the scope tools:dangerous.", details={"required": "tools:dangerous"}
        )
    return skill


def skill_versions(name: str, *, tenant_id: UUID | None = None) -> list[Skill]:
    """Return all versions of a skill, the newest first.

    Raises:
        SkillNotFound: There is none of this name (the caller's fault).
    """
    found = [skill for skill in _known(tenant_id) if skill.name == name]
    if not found and tenant_id is not None:
        found = list(tenant_skill_versions(tenant_id, name))
    if not found:
        raise _missing(name, tenant_id)
    return sorted(found, key=lambda skill: skill.order, reverse=True)


def skills(category: str | None = None, *, tenant_id: UUID | None = None) -> list[Skill]:
    """Return the newest enabled version of every skill, by name."""
    newest: dict[str, Skill] = {}
    for skill in _known(tenant_id):
        if skill.enabled and (skill.name not in newest or skill.order > newest[skill.name].order):
            newest[skill.name] = skill
    return [skill for _, skill in sorted(newest.items()) if category in (None, skill.category)]


def _missing(name: str, tenant_id: UUID | None) -> SkillNotFound:
    names = sorted({skill.name for skill in skills(tenant_id=tenant_id)})
    return SkillNotFound(
        f"There is no skill {name[:100]!r}; there are {', '.join(names) or 'none'}.", details={"skills": names}
    )


def _known(tenant_id: UUID | None) -> Iterable[Skill]:
    """Return every version; a tenant's own takes the place of a folder's of the same name and version."""
    shipped = _all(tuple(settings.SHANNON_SKILLS_DIRS))
    own = tenant_skills(tenant_id) if tenant_id is not None else {}
    if not own:
        return shipped
    return {**{f"{skill.name}@{skill.version}": skill for skill in shipped}, **own}.values()


@cache
def _all(folders: tuple[str | Path, ...]) -> tuple[Skill, ...]:
    """Read every SKILL.md; folders that come later replace the same name and version."""
    found: dict[tuple[str, str], Skill] = {}
    for folder in folders:
        for path in sorted(Path(folder).rglob("SKILL.md")):
            skill = skill_read(path)
            found[skill.name, skill.version] = skill
    return tuple(found.values())


def skill_read(path: Path) -> Skill:
    """Read one SKILL.md, and the programs in the folder `scripts` beside it.

    Raises:
        SkillUnreadable: It has no frontmatter, or a wrong one, or a script that is too large; the message names the
            file (its author's fault).
    """
    try:
        return skill_parse(path.read_text(encoding="utf-8"), _scripts(path.parent / "scripts"))
    except (SkillProblem, UnicodeDecodeError) as error:
        raise SkillUnreadable(f"{path}: {error}") from error


def _scripts(folder: Path) -> dict[str, str]:
    """Read a skill's programs: Python and JavaScript, told by the ends of their names."""
    paths = [path for path in sorted(folder.glob("*")) if path.suffix in SCRIPT_GUESTS and path.is_file()]
    for path in paths:
        if path.stat().st_size > SCRIPT_MAX_BYTES:
            raise SkillProblem(f"the script {path.name} has more than {SCRIPT_MAX_BYTES} bytes.")
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


__all__ = ["SCRIPT_GUESTS", "Skill", "skill_allowed", "skill_for", "skill_read", "skill_versions", "skills"]
