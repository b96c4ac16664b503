"""Roles are data, and the data is right."""

from uuid import uuid4

import pytest
from django.conf import settings

from agents.errors import RoleNotFound
from agents.roles.catalogue import role_for
from agents.tools.registry import tool_for


def test_the_generalist_names_tools_and_a_prompt_that_exist() -> None:
    role = role_for("generalist")
    assert all(tool_for(name, tenant_id=uuid4()).name == name for name in role.tools)
    assert (settings.BASE_DIR / "templates" / "prompts" / f"{role.prompt}.md").is_file()


def test_an_unknown_role_is_named() -> None:
    with pytest.raises(RoleNotFound, match="nope"):
        role_for("nope")
