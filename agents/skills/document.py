"""What a skill is, and how a SKILL.md is read: frontmatter says what it is, the text after it how to work."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

_FRONTMATTER: Final = re.compile(r"\A---\r?\n(.*?)\r?\n---\r?\n(.*)\Z", re.DOTALL)
_NAME: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_VERSION: Final = r"^\d{1,6}\.\d{1,6}\.\d{1,6}$"
_SCRIPT_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
SCRIPT_GUESTS: Final[Mapping[str, str]] = {".py": "python", ".js": "javascript", ".mjs": "javascript"}
DOCUMENT_MAX_CHARACTERS: Final = 100_000
SCRIPTS_MAX: Final = 32
SCRIPT_MAX_BYTES: Final = 256 * 1024


class SkillProblem(ValueError):
    """A skill's document or one of its programs is not as it must be; the message says what."""


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

    `content` is Markdown for agents; `budget_max` is in tokens; `scripts` are its programs, by name, which agents run
    in the sandbox; `is_own`: the tenant registered it.
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
    is_own: bool = False

    @property
    def order(self) -> tuple[int, ...]:
        """Versions compare by their numbers."""
        return tuple(int(part) for part in self.version.split("."))


def skill_parse(text: str, scripts: Mapping[str, str]) -> Skill:
    """Return the skill that a SKILL.md and its programs are.

    Args:
        text: The document.
        scripts: Name → source; Python and JavaScript, told by the ends of their names.

    Raises:
        SkillProblem: It has no frontmatter, or a wrong one, or a program that is none or is too large.
    """
    if len(text) > DOCUMENT_MAX_CHARACTERS:
        raise SkillProblem(f"has more than {DOCUMENT_MAX_CHARACTERS} characters.")
    match = _FRONTMATTER.match(text)
    if match is None:
        raise SkillProblem("begins with no frontmatter between two lines of ---.")
    try:
        head = _Frontmatter.model_validate(_yaml(match[1]))
    except (ValidationError, yaml.YAMLError, RecursionError) as error:
        raise SkillProblem(str(error)) from error
    _scripts_check(scripts)
    values = {name: getattr(head, name) for name in _Frontmatter.model_fields}
    return Skill(content=match[2].strip(), scripts=dict(scripts), **values)


def _yaml(text: str) -> Any:
    """Read YAML without aliases, by which a few lines can stand for gigabytes."""
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
        raise SkillProblem("has an alias (*) in its frontmatter; write the value out.")
    return yaml.safe_load(text)


def _scripts_check(scripts: Mapping[str, str]) -> None:
    if len(scripts) > SCRIPTS_MAX:
        raise SkillProblem(f"has {len(scripts)} scripts; at most {SCRIPTS_MAX} are read.")
    for name, source in scripts.items():
        if not _SCRIPT_NAME.fullmatch(name) or PurePosixPath(name).suffix not in SCRIPT_GUESTS:
            ends = ", ".join(SCRIPT_GUESTS)
            raise SkillProblem(f"the script {name[:100]!r} is not letters, digits, _, - and . with {ends} at its end.")
        if len(source.encode(errors="surrogatepass")) > SCRIPT_MAX_BYTES:
            raise SkillProblem(f"the script {name} has more than {SCRIPT_MAX_BYTES} bytes.")
