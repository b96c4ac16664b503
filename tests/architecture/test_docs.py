"""Documents that name code are true: every file, name, event and setting in them exists, and none is missing."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from orchestration.api.sse import NOT_MADE_HERE
from orchestration.types import EventKind
from shannon_project.settings.env import Environment
from shannon_project.stack.doctor import CHECKS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
REQUEST_PATH = (DOCS / "request-path.md").read_text()
CONFIGURATION = (DOCS / "configuration.md").read_text()
EXAMPLE_ENVIRONMENT = (ROOT / ".env.example").read_text()
LINE_MAX_CHARACTERS = 150
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *DOCS.rglob("*.md")))


def environment_fields() -> dict[str, object]:
    """Return the default of each variable that the settings read, by its name."""
    prefix = Environment.model_config["env_prefix"]
    return {
        str(field.validation_alias) if field.validation_alias else f"{prefix}{name}".upper(): field.default
        for name, field in Environment.model_fields.items()
    }


@pytest.mark.parametrize(("file", "name"), re.findall(r"`([\w/]+\.py)` `(\w+)`", REQUEST_PATH))
def test_the_request_path_names_code_that_is_there(file: str, name: str) -> None:
    source = (ROOT / file).read_text()
    assert re.search(rf"^(?:class|(?:async )?def) {name}\b", source, re.MULTILINE), f"{name} is not in {file}"


def test_the_documented_events_are_those_that_the_code_registers() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", (DOCS / "events.md").read_text(), re.MULTILINE))
    assert documented == {kind.value for kind in EventKind}


def test_events_of_the_reference_system_that_never_come_are_documented_with_the_reason() -> None:
    documented = re.findall(r"^\| ([A-Z_]+) \| \w", (DOCS / "events.md").read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(NOT_MADE_HERE)


def test_the_documented_environment_is_what_the_settings_read() -> None:
    documented = re.findall(r"^\| `([A-Z_]+)` \|", CONFIGURATION, re.MULTILINE)
    assert sorted(documented) == sorted(environment_fields())


def test_documented_defaults_are_those_of_the_code() -> None:
    documented = dict(re.findall(r"^\| `([A-Z_]+)` \| `([^`]+)`", CONFIGURATION, re.MULTILINE))
    for name, default in environment_fields().items():
        if isinstance(default, bool):
            assert documented[name] == str(default).lower(), name
        elif isinstance(default, int | float):
            assert float(documented[name]) == default, name
        elif isinstance(default, str) and default:
            assert documented[name] == default, name


def test_documented_fixed_settings_exist() -> None:
    _, fixed = CONFIGURATION.split("## Fixed settings")
    named = re.findall(r"`(SHANNON_\w+)`", fixed)
    assert named
    assert [name for name in named if not hasattr(settings, name)] == []


def numbers_in(cell: str) -> list[float]:
    """Return the numbers of a table's cell, in seconds and bytes."""
    units = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "h": 3600, "day": 86400, "days": 86400}
    found = re.findall(r"(\d[\d,]*(?:\.\d+)?)(?:/(\d+))?(?: (KiB|MiB|GiB|h|days?)\b)?", cell)
    return [float(number.replace(",", "")) / int(part or 1) * units.get(unit, 1) for number, part, unit in found]


def test_documented_numbers_of_fixed_settings_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| [\w.]+: ([^|]+) \| ([^|]*) \|", CONFIGURATION.split("## Fixed settings")[1], re.MULTILINE)
    assert rows
    wrong = []
    for names, cell in rows:
        for name in re.findall(r"`(SHANNON_\w+)`", names):
            value, said = getattr(settings, name), numbers_in(cell)
            if said and isinstance(value, int | float) and not isinstance(value, bool) and value not in said:
                wrong.append(f"{name} is {value}, not {cell}")
    assert wrong == []


def constants_of_settings() -> Iterator[str]:
    """Yield each constant of ours whose value the settings themselves say, and no variable of the environment."""
    for path in (ROOT / "shannon_project" / "settings").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            if isinstance(target, ast.Name) and "ENV." not in ast.unparse(node):
                yield from [target.id] if target.id.startswith("SHANNON_") else []


def test_every_constant_of_the_settings_is_documented() -> None:
    fixed = CONFIGURATION.split("## Fixed settings")[1]
    assert sorted(name for name in set(constants_of_settings()) if f"`{name}`" not in fixed) == []


def test_the_example_environment_has_every_variable_and_no_other() -> None:
    named = re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", EXAMPLE_ENVIRONMENT, re.MULTILINE)
    assert sorted(named) == sorted(environment_fields())


def test_the_documented_checks_of_the_doctor_are_those_that_it_makes() -> None:
    documented = re.findall(r"^\| `(D\d+)` \|", (DOCS / "operations.md").read_text(), re.MULTILINE)
    assert documented == [check.check_id for check in CHECKS]


@pytest.mark.parametrize("document", PAGES)
def test_relative_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), f"{document} links to {target}"


@pytest.mark.parametrize("document", PAGES)
def test_links_into_a_page_find_their_heading(document: str) -> None:
    path = ROOT / document
    for target, heading in re.findall(r"\]\((?!https?://)([^)#\s]*)#([^)\s]+)\)", path.read_text()):
        assert heading in headings_of(path.parent / target if target else path), f"{document}: {target}#{heading}"


def headings_of(page: Path) -> set[str]:
    """Return the names under which a page's headings can be linked to."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in found}


@pytest.mark.parametrize("document", PAGES)
def test_a_table_has_its_line_below_the_head_and_equal_rows(document: str) -> None:
    text = re.sub(r"^```.*?^```", "", (ROOT / document).read_text(), flags=re.MULTILINE | re.DOTALL)
    for table in re.findall(r"(?:^ *\|.*\n)+", text, re.MULTILINE):
        rows = [re.sub(r"`[^`]*`", "", row).strip() for row in table.splitlines()]
        assert len(rows) > 1, rows
        assert re.fullmatch(r"\|(?: ?:?-+:? ?\|)+", rows[1]), rows[:2]
        assert {row.count("|") for row in rows} == {rows[0].count("|")}, rows[0]


@pytest.mark.parametrize("document", [*PAGES, "examples/README.md", "tests/histories/README.md"])
def test_lines_of_prose_are_no_wider_than_a_reader_can_follow(document: str) -> None:
    """Tables are as wide as their cells need, and what a command prints is as wide as it is."""
    text = re.sub(r"^```.*?^```", "", (ROOT / document).read_text(), flags=re.MULTILINE | re.DOTALL)
    prose = (line for line in text.splitlines() if not line.lstrip().startswith("|"))
    assert [line for line in prose if len(line) > LINE_MAX_CHARACTERS] == []


def test_the_changelog_tells_each_thing_once() -> None:
    begins = re.findall(r"^- (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert [begin for begin, times in Counter(begins).items() if times > 1] == []


@pytest.mark.parametrize("document", PAGES)
def test_files_that_a_page_names_are_there(document: str) -> None:
    """Paths in backticks that begin with a folder of the repository; `…/<name>.py` and the like are patterns."""
    folders = "agents|benchmarks|docs|examples|orchestration|policy|sandbox|shannon_project|templates|tests"
    named = re.findall(rf"`((?:{folders})/[\w./-]+)`", (ROOT / document).read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_tests_that_a_page_cites_are_there() -> None:
    cited = [found for page in PAGES for found in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / page).read_text())]
    assert cited
    assert [name for file, name in cited if f"def {name}(" not in (ROOT / file).read_text()] == []
