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
from policy.errors import ScopeMissing

_FRONTMATTER: Final = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_NAME: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
SCRIPT_GUESTS: Final[Mapping[str, str]] = {".py": "python", ".js": "javascript", ".mjs": "javascript"}
_SCRIPTS_MAX: Final = 32
_SCRIPT_MAX_BYTES: Final = 256 * 1024
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
    """One version of a skill.

    `content` is Markdown for agents; `budget_max` is in tokens; `scripts` are the programs in its folder `scripts`, by
    name, which agents run in the sandbox.
    """

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
    scripts: Mapping[str, str] = field(default_factory=dict)

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


def skill_allowed(name: str, *, may_use_dangerous: bool) -> Skill:
    """Return a skill as `skill_for` does, for whoever may use it.

    Raises:
        SkillNotFound: There is none (the caller's fault).
        ScopeMissing: It is dangerous, and the key may not use such.
    """
    skill = skill_for(name)
    if skill.dangerous and not may_use_dangerous:
        raise ScopeMissing(
            f"The skill {skill.name} needs the scope tools:dangerous.", details={"required": "tools:dangerous"}
        )
    return skill


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
        SkillUnreadable: It has no frontmatter, or a wrong one, or a script that is too large; the message names the
            file (its author's fault).
    """
    match = _FRONTMATTER.match(path.read_text(encoding="utf-8"))
    if match is None:
        raise SkillUnreadable(f"{path}: begins with no frontmatter between two lines of ---.")
    try:
        head = _Frontmatter.model_validate(yaml.safe_load(match[1]))
    except (ValidationError, yaml.YAMLError) as error:
        raise SkillUnreadable(f"{path}: {error}") from error
    values = {name: getattr(head, name) for name in _Frontmatter.model_fields}
    return Skill(content=match[2].strip(), scripts=_scripts(path.parent / "scripts"), **values)


def _scripts(folder: Path) -> dict[str, str]:
    """Read a skill's programs: Python and JavaScript, told by the ends of their names."""
    paths = [path for path in sorted(folder.glob("*")) if path.suffix in SCRIPT_GUESTS and path.is_file()]
    if len(paths) > _SCRIPTS_MAX:
        raise SkillUnreadable(f"{folder}: has {len(paths)} scripts; at most {_SCRIPTS_MAX} are read.")
    found: dict[str, str] = {}
    for path in paths:
        if path.stat().st_size > _SCRIPT_MAX_BYTES:
            raise SkillUnreadable(f"{path}: has more than {_SCRIPT_MAX_BYTES} bytes.")
        try:
            found[path.name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise SkillUnreadable(f"{path}: is no text in UTF-8.") from error
    return found
