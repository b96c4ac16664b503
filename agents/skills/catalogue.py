"""The skills that there are, from folders: frontmatter says what a skill is, the text after it how to work."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.errors import SkillNotFound, SkillUnreadable

_FRONTMATTER: Final = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_NAME: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_VERSION: Final = r"^\d+\.\d+\.\d+$"


class _Frontmatter(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=_NAME, max_length=64)
    version: str = Field(pattern=_VERSION)
    description: str = Field(min_length=10, max_length=300)
    category: str = "general"
    author: str = ""
    requires_tools: tuple[str, ...] = ()
    requires_role: str | None = None
    budget_max: int | None = Field(None, gt=0, description="Tokens that a task with this skill may use.")
    dangerous: bool = False
    enabled: bool = True
    metadata: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Skill:
    """One version of a skill. `content` is Markdown for agents; `budget_max` is in tokens."""

    name: str
    version: str
    description: str
    category: str
    author: str
    requires_tools: tuple[str, ...]
    requires_role: str | None
    budget_max: int | None
    dangerous: bool
    enabled: bool
    content: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def order(self) -> tuple[int, ...]:
        """Versions compare by their numbers."""
        return tuple(int(part) for part in self.version.split("."))


def skill_for(name: str) -> Skill:
    """Return a skill by `name` (its newest enabled version) or `name@version`.

    Raises:
        SkillNotFound: There is none (the caller's fault); `details.skills` names those that exist.
    """
    wanted, _, version = name.partition("@")
    for skill in skill_versions(wanted):
        if skill.version == version or (not version and skill.enabled):
            return skill
    raise _missing(name)


def skill_versions(name: str) -> list[Skill]:
    """Return all versions of a skill, the newest first.

    Raises:
        SkillNotFound: There is none of this name (the caller's fault).
    """
    found = [skill for skill in _all(tuple(settings.SHANNON_SKILLS_DIRS)) if skill.name == name]
    if not found:
        raise _missing(name)
    return sorted(found, key=lambda skill: skill.order, reverse=True)


def skills(category: str | None = None) -> list[Skill]:
    """Return the newest enabled version of every skill, by name."""
    newest: dict[str, Skill] = {}
    for skill in _all(tuple(settings.SHANNON_SKILLS_DIRS)):
        if skill.enabled and (skill.name not in newest or skill.order > newest[skill.name].order):
            newest[skill.name] = skill
    return [skill for _, skill in sorted(newest.items()) if category in (None, skill.category)]


def _missing(name: str) -> SkillNotFound:
    names = sorted({skill.name for skill in skills()})
    return SkillNotFound(
        f"There is no skill {name[:100]!r}; there are {', '.join(names) or 'none'}.", details={"skills": names}
    )


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
    """Read one SKILL.md.

    Raises:
        SkillUnreadable: It has no frontmatter, or a wrong one; the message names the file (its author's fault).
    """
    match = _FRONTMATTER.match(path.read_text(encoding="utf-8"))
    if match is None:
        raise SkillUnreadable(f"{path}: begins with no frontmatter between two lines of ---.")
    try:
        head = _Frontmatter.model_validate(yaml.safe_load(match[1]))
    except (ValidationError, yaml.YAMLError) as error:
        raise SkillUnreadable(f"{path}: {error}") from error
    return Skill(content=match[2].strip(), **{name: getattr(head, name) for name in _Frontmatter.model_fields})
