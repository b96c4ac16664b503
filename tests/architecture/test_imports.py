"""What an import linter cannot see: one file per dangerous import, and one file that rings."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("agents", "orchestration", "policy", "sandbox", "shannon_project")


def sources() -> Iterator[tuple[str, ast.Module]]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())


def importers_of(package: str) -> set[str]:
    found = set()
    for name, tree in sources():
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if any(imported.split(".")[0] == package for imported in names):
                found.add(name)
    return found


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("dns", {"shannon_project/foundation/outbound/name_servers.py"}),
        ("regopy", {"policy/evaluation/backend.py", "policy/evaluation/exchange.py"}),  # one room: calls, and values
        ("wasmer_sdk", {f"sandbox/runtimes/wasmer/{name}.py" for name in ("packages", "runtime", "sdk", "started")}),
        ("eryx", {"sandbox/runtimes/eryx.py"}),
        ("playwright", {"agents/tools/browsing/chromium.py"}),
        ("pydantic_monty", {"sandbox/runtimes/monty.py"}),
        ("wordllama", set()),  # its files are read, its code makes copies
        ("tokenizers", {"agents/memory/wordllama.py"}),
    ],
)
def test_a_dangerous_or_heavy_package_is_imported_in_one_place(package: str, allowed: set[str]) -> None:
    assert importers_of(package) == allowed


def test_litellm_is_imported_by_the_gateway_and_its_own_provider_only() -> None:
    assert importers_of("litellm") == {"agents/llm/gateway.py"}


def test_only_the_dispatcher_talks_to_the_broker() -> None:
    ringers = {
        name
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"delay", "apply_async", "send_task"}
    }
    assert ringers == {"orchestration/engine/dispatch.py"}


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        name
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        and node.attr in {"environ", "getenv"}
    }
    # "sandbox/guests/": what runs there reads the guest's own environment
    allowed_prefixes = ("shannon_project/stack/", "shannon_project/embedded/", "sandbox/host/", "sandbox/guests/")
    entries = ("asgi.py", "asgi_gateway.py", "celery.py", "consumer.py", "settings/env.py")
    named = {f"shannon_project/{entry}" for entry in entries}
    # they tell libraries that know no other way: litellm what it may do at import, tiktoken where its table lies
    told = {"agents/llm/gateway.py", "agents/direct/tokens.py"}
    assert {name for name in readers if not name.startswith(allowed_prefixes)} <= named | told
