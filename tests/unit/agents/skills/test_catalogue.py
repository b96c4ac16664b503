"""Skills from folders."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from agents.errors import SkillNotFound, SkillUnreadable
from agents.skills.catalogue import skill_for, skill_read, skill_versions, skills
from agents.tools.registry import tool_for
from tests.skills import write


def test_the_shipped_skills_need_only_tools_that_exist() -> None:
    assert {skill.name for skill in skills()} >= {"code-review", "data-analysis", "debugging"}
    for skill in skills():
        assert len(skill.content) > 200
        assert all(tool_for(name, tenant_id=uuid4()).name == name for name in skill.requires_tools)


def test_the_newest_enabled_version_is_the_skill(tmp_path: Path, settings: Any) -> None:
    settings.SHANNON_SKILLS_DIRS = [tmp_path]
    for version, enabled in (("1.9.0", "true"), ("1.10.0", "true"), ("2.0.0", "false")):
        write(tmp_path, "brew", version, enabled=enabled)
    assert skill_for("brew").version == "1.10.0"
    assert skill_for("brew@1.9.0").content == "# brew 1.9.0"
    assert [skill.version for skill in skill_versions("brew")] == ["2.0.0", "1.10.0", "1.9.0"]
    assert [(skill.name, skill.version) for skill in skills()] == [("brew", "1.10.0")]


def test_skills_are_listed_by_category(tmp_path: Path, settings: Any) -> None:
    settings.SHANNON_SKILLS_DIRS = [tmp_path]
    write(tmp_path, "a", "1.0.0", category="x")
    write(tmp_path, "b", "1.0.0", category="y")
    assert [skill.name for skill in skills("x")] == ["a"]


def test_a_folder_of_the_operators_replaces_a_shipped_version(tmp_path: Path, settings: Any) -> None:
    first, second = tmp_path / "shipped", tmp_path / "own"
    write(first, "brew", "1.0.0")
    write(second, "brew", "1.0.0", category="own")
    settings.SHANNON_SKILLS_DIRS = [first, second]
    assert skill_for("brew").category == "own"


@pytest.mark.parametrize("name", ["nope", "nope@1.0.0", "brew@9.9.9", "", "../etc"])
def test_a_skill_that_is_not_there_is_named_with_those_that_are(tmp_path: Path, settings: Any, name: str) -> None:
    settings.SHANNON_SKILLS_DIRS = [tmp_path]
    write(tmp_path, "brew", "1.0.0")
    with pytest.raises(SkillNotFound) as missing:
        skill_for(name)
    assert missing.value.details == {"skills": ["brew"]}


@pytest.mark.parametrize(
    "text",
    [
        "no frontmatter",
        "---\nname: x\n---\n",
        "---\nname: X Y\nversion: 1.0.0\ndescription: long enough to be one\n---\ntext",
        "---\nname: x\nversion: one\ndescription: long enough to be one\n---\ntext",
        "---\nname: x\nversion: 1.0.0\ndescription: long enough to be one\ncolour: red\n---\ntext",
        "---\n[\n---\ntext",
    ],
)
def test_a_file_that_is_no_skill_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "SKILL.md"
    path.write_text(text)
    with pytest.raises(SkillUnreadable, match=r"SKILL\.md"):
        skill_read(path)


def test_the_programs_of_a_skill_are_read_with_it(tmp_path: Path) -> None:
    write(tmp_path, "brew", "1.0.0")
    folder = tmp_path / "brew" / "1.0.0" / "scripts"
    folder.mkdir()
    (folder / "boil.py").write_text("print('hot')")
    (folder / "pour.mjs").write_text("console.log(1)")
    (folder / "notes.txt").write_text("no program")
    (folder / "deeper.py").mkdir()
    skill = skill_read(tmp_path / "brew" / "1.0.0" / "SKILL.md")
    assert skill.scripts == {"boil.py": "print('hot')", "pour.mjs": "console.log(1)"}


@pytest.mark.parametrize("contents", [b"x" * (256 * 1024 + 1), b"\xff\xfe"])
def test_a_program_that_is_too_large_or_no_text_makes_a_skill_unreadable(tmp_path: Path, contents: bytes) -> None:
    write(tmp_path, "brew", "1.0.0")
    folder = tmp_path / "brew" / "1.0.0" / "scripts"
    folder.mkdir()
    (folder / "boil.py").write_bytes(contents)
    with pytest.raises(SkillUnreadable):
        skill_read(tmp_path / "brew" / "1.0.0" / "SKILL.md")
