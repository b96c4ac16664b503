"""What keeps the house habitable: small files and functions, nothing that nobody uses, decisions that are found."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("agents", "orchestration", "policy", "sandbox", "shannon_project")
FILE_MAX_LINES = 300
FUNCTION_MAX_LINES = 40
PARAMETERS_MAX = 10
# One function each, because they run inside a guest, where a second name would be the program's to find and replace.
GUESTS = {"sandbox/guests/program_start.py", "sandbox/guests/python_start.py"}
# They say why they are larger, or whoever makes them smaller takes them off this list: nothing is added to it.
LARGER_FUNCTIONS = {
    "orchestration/engine/approvals/asking.py approval_put",
    "orchestration/engine/outcome.py _steps_end",
    "orchestration/worker.py _ready",
    "shannon_project/stack/services.py _start",
}
FOR_TESTS = {"agents/fake_engine.py fake_context", "sandbox/services/execution.py host_pids"}  # what they look through
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
DECISIONS = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))


@cache
def sources() -> dict[str, str]:
    """Return the text of each file of the product, without migrations, by its path."""
    found = (path for app in APPS for path in (ROOT / app).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in found if "migrations" not in path.parts}


def functions(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return every function of a file, methods and inner ones too."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has, beside its docstring."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is None:
        return lines
    docstring = function.body[0]
    return lines - ((docstring.end_lineno or 0) - docstring.lineno + 1)


def test_a_file_that_outgrows_its_name_becomes_a_folder() -> None:
    larger = {name for name, text in sources().items() if len(text.splitlines()) > FILE_MAX_LINES}
    assert larger == set()


def test_a_function_is_read_at_one_look() -> None:
    larger = {
        f"{name} {function.name}"
        for name, text in sources().items()
        if name not in GUESTS
        for function in functions(text)
        if lines_of(function) > FUNCTION_MAX_LINES
    }
    assert larger - LARGER_FUNCTIONS == set()
    assert LARGER_FUNCTIONS - larger == set(), "it is small now: take it off the list"


def test_what_a_function_is_told_is_no_longer_than_a_sentence() -> None:
    """More than that is a value with a name, of which the callers have the parts together."""
    wide = {
        f"{name} {function.name}"
        for name, text in sources().items()
        for function in functions(text)
        if len([*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]) > PARAMETERS_MAX
    }
    assert wide == set()


def test_nothing_is_named_for_nothing() -> None:
    classes = {
        node.name.lower(): name
        for name, text in sources().items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef)
    }
    assert VAGUE & {part for name in sources() for part in (*Path(name).parts[:-1], Path(name).stem)} == set()
    assert {name for name in classes if name.endswith(("manager", "helper", "utils"))} == set()


def test_nothing_is_left_to_be_done_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert [name for name, text in sources().items() if later.search(text)] == []


def test_a_function_that_nobody_uses_is_gone() -> None:
    """By its name, in the product and its pages: what a decorator, a setting or a template registers, is used."""
    pages = (path.read_text() for path in (ROOT / "templates").rglob("*.html"))
    words = Counter(word for text in (*sources().values(), *pages) for word in re.findall(r"\w+", text))
    unused = {
        f"{name} {node.name}"
        for name, text in sources().items()
        if Path(name).name != "fake.py" and name not in GUESTS
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if words[node.name] < 2 and not node.decorator_list
    }
    assert unused <= FOR_TESTS


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_is_found_by_its_number_and_its_title(name: str) -> None:
    first = (ROOT / "docs" / "decisions" / name).read_text().splitlines()[0]
    number, _, title = first.removeprefix("# ").partition(": ")
    assert name.startswith(f"{number}-")
    assert title
    assert f"| [{number}](decisions/{name}) | {title} |" in (ROOT / "docs" / "README.md").read_text()


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_says_when_why_what_else_and_what_follows(name: str) -> None:
    lines = (ROOT / "docs" / "decisions" / name).read_text().splitlines()
    assert re.match(r"Status: accepted, \d{4}-\d\d-\d\d[;.]", lines[2])
    usual = ("## Context", "## Decision", "## Alternatives", "## Consequences")
    assert [part for part in usual if part not in lines] == []


def test_no_two_decisions_have_one_number() -> None:
    numbers = Counter(name[:4] for name in DECISIONS)
    assert [number for number, count in numbers.items() if count > 1] == []
