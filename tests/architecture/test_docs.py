"""Documents that name code are true: every file, name, event and setting in them exists, and none is missing."""

import re
from pathlib import Path

import pytest

from orchestration.types import EventKind
from shannon_project.settings.env import Environment

ROOT = Path(__file__).resolve().parents[2]
REQUEST_PATH = (ROOT / "docs" / "request-path.md").read_text()


@pytest.mark.parametrize(("file", "name"), re.findall(r"`([\w/]+\.py)` `(\w+)`", REQUEST_PATH))
def test_the_request_path_names_code_that_is_there(file: str, name: str) -> None:
    source = (ROOT / file).read_text()
    assert re.search(rf"^(?:class|(?:async )?def) {name}\b", source, re.MULTILINE), f"{name} is not in {file}"


def test_the_documented_events_are_those_that_the_code_registers() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "events.md").read_text(), re.MULTILINE))
    assert documented == {kind.value for kind in EventKind}


def test_the_documented_environment_is_what_the_settings_read() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))
    prefix = Environment.model_config["env_prefix"]
    read = {
        str(field.validation_alias) if field.validation_alias else f"{prefix}{name}".upper()
        for name, field in Environment.model_fields.items()
    }
    assert documented == read


def test_the_example_environment_names_only_settings_that_are_read() -> None:
    named = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    text = (ROOT / "docs" / "configuration.md").read_text()
    assert named <= set(re.findall(r"^\| `([A-Z0-9_]+)` \|", text, re.MULTILINE))


@pytest.mark.parametrize("document", sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")))
def test_relative_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), f"{document} links to {target}"
