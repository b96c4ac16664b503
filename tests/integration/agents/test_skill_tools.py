"""Skills as agents get them: names with the tool, texts when asked for, programs run by name."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from agents.skills.catalogue import skill_for
from agents.tools.base import ToolContext
from agents.tools.builtin.skill_read import SkillReadTool
from agents.tools.builtin.skill_run import SkillRunTool
from policy.errors import ScopeMissing
from tests.skills import write

pytestmark = pytest.mark.django_db


def test_agents_are_told_the_names_and_read_a_text_when_they_ask() -> None:
    tool = SkillReadTool()
    assert "code-review: Review source code" in tool.description
    assert skill_for("code-review").content not in tool.description
    ctx = ToolContext(tenant_id=uuid4(), session_id=uuid4(), task_id=uuid4(), timeout_seconds=60.0)
    output = tool.execute(ctx, {"name": "code-review"}).output
    assert isinstance(output, dict)
    assert output["content"] == skill_for("code-review").content


def test_a_dangerous_skill_is_for_those_who_may_use_such(tmp_path: Path, settings: Any) -> None:
    write(tmp_path, "brew", "1.0.0")
    path = tmp_path / "brew" / "1.0.0" / "SKILL.md"
    path.write_text(path.read_text().replace("enabled:", "dangerous: true\nenabled:"))
    (path.parent / "scripts").mkdir()
    (path.parent / "scripts" / "boil.py").write_text("print('hot')")
    settings.SHANNON_SKILLS_DIRS = [tmp_path]
    ctx = ToolContext(uuid4(), uuid4(), uuid4(), timeout_seconds=60.0)
    with pytest.raises(ScopeMissing):
        SkillReadTool().execute(ctx, {"name": "brew"})
    with pytest.raises(ScopeMissing):
        SkillRunTool().execute(ctx, {"skill": "brew", "script": "boil.py"})
    allowed = replace(ctx, may_use_dangerous=True)
    read = SkillReadTool().execute(allowed, {"name": "brew"}).output
    assert isinstance(read, dict)
    assert read["scripts"] == ["boil.py"]
