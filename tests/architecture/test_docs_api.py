"""`docs/api.md` and the metrics of `docs/operations.md` say what the code has: endpoints, scopes, errors, metrics."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from django.urls import Resolver404, resolve
from prometheus_client import REGISTRY
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView
from shannon import AsyncShannonClient

from orchestration.api.urls import urlpatterns
from policy.api.permissions import PUBLIC
from shannon_project.foundation.errors import ShannonError

ROOT = Path(__file__).resolve().parents[2]
API = (ROOT / "docs" / "api.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
METHODS = ("get", "post", "put", "patch", "delete")
SCOPE_IN_CODE = {"any key": PUBLIC}  # what the page calls it, and what the view states


def documented_endpoints() -> Iterator[tuple[str, str, str]]:
    """Yield method, path and scope of every row."""
    for method, path, scope in re.findall(r"^\| `([A-Z]+) (/\S*)` \| ([^|]+) \|", API, re.MULTILINE):
        yield method, re.sub(r"\{\w+\}", "x", path), scope.strip().strip("`")


def view_of(path: str) -> type[APIView]:
    return view_named(resolve(path).url_name)


def view_named(name: str | None) -> type[APIView]:
    pattern = next(item for item in urlpatterns if item.name == name)
    view: type[APIView] = vars(pattern.callback)["view_class"]
    return view


def errors_of(root: type[ShannonError] = ShannonError) -> Iterator[type[ShannonError]]:
    """Yield every error class that is loaded."""
    yield root
    for child in root.__subclasses__():
        yield from errors_of(child)


def test_the_documented_endpoints_are_those_that_are_routed() -> None:
    documented = {(resolve(path).url_name, method) for method, path, _ in documented_endpoints()}
    routed = {
        (pattern.name, method.upper())
        for pattern in urlpatterns
        for method in METHODS
        if method in vars(view_named(pattern.name)) or (pattern.name in {"openapi", "docs"} and method == "get")
    }
    assert documented == routed


def test_the_documented_scopes_are_those_that_the_views_ask_for() -> None:
    for method, path, scope in documented_endpoints():
        view = view_of(path)
        if scope == "none":
            assert AllowAny in view.permission_classes, path
        elif path != "/metrics":  # its permission is its own: a network, or the scope admin
            assert view.required_scopes[method] == SCOPE_IN_CODE.get(scope, scope), path  # type: ignore[attr-defined]


def test_documented_error_codes_exist_and_have_their_status() -> None:
    import_module("agents.llm.errors")  # web does not load the gateway
    import_module("orchestration.api.openai.door")  # served beside Django
    known = {error.code: error.http_status for error in errors_of()}
    at_the_door, on_a_task = API.split("A task that fails")
    for cell, status in re.findall(r"^\| (`[A-Z_`, ]+`) \| (\d{3}) \|", at_the_door, re.MULTILINE):
        for code in re.findall(r"[A-Z_]+", cell):
            assert known[code] == int(status), code
    for cell in re.findall(r"^\| (`[A-Z_`, ]+`) \|", on_a_task.split("## Idempotency")[0], re.MULTILINE):
        assert set(re.findall(r"[A-Z_]+", cell)) <= set(known), cell


def test_every_method_of_the_official_client_has_its_endpoint() -> None:
    assert "Every method of it has its endpoint here." in API
    missing = set()
    for name, method in inspect.getmembers(AsyncShannonClient, inspect.isfunction):
        addresses = re.findall(r'f"\{(?:self\.base_url|base)\}(/[^"?]*)', inspect.getsource(method))
        if not name.startswith("_") and not all(is_routed(re.sub(r"\{\w+\}", "x", path)) for path in addresses):
            missing.add(name)
    assert missing == set()


def test_every_method_of_the_official_client_is_called_by_an_acceptance_test() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "acceptance").rglob("*.py"))
    methods = {name for name, _ in inspect.getmembers(AsyncShannonClient, inspect.isfunction) if name[0] != "_"}
    assert {name for name in methods if f".{name}(" not in tests} == set()


def is_routed(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True


def test_the_documented_metrics_are_those_that_the_code_registers() -> None:
    for path in ROOT.glob("*/metrics.py"):
        import_module(f"{path.parent.name}.metrics")
    registered = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in REGISTRY.collect()
        if family.name.startswith("shannon_")
    }
    documented = re.findall(r"^\| `(shannon_\w+)` \|", OPERATIONS, re.MULTILINE)
    assert sorted(documented) == sorted(registered)
