"""A hostile caller: whatever is sent to the endpoints of tools, skills, roles, servers, APIs, modules and files.

Every answer is one of the contract: never an internal error, which the test client would raise.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from policy.types import SCOPES
from tests.integration.api.callers import Caller, caller_of

pytestmark = pytest.mark.django_db
JSON = "application/json"
API = "/api/v1"
SKILL = "---\nname: audit\nversion: 1.0.0\ndescription: How to audit.\n---\nLook twice."
BODIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "register a tool": (
        "POST",
        "/tools",
        {
            "name": "total",
            "description": "Adds.",
            "guest": "python",
            "code": "print(1)",
            "parameters": {"type": "object"},
            "returns": {},
            "uses_files": False,
            "dangerous": False,
            "requires_approval": False,
            "calls_per_minute": 1,
            "wall_seconds": 1,
            "memory_bytes": 0,
            "is_active": True,
        },
    ),
    "change a tool": ("PATCH", "/tools/own__there", {"module": "m", "code": "x", "parameters": {}, "guest": "module"}),
    "try a tool": ("POST", "/tools/calculator/test", {"arguments": {"expression": "1"}}),
    "register a skill": ("POST", "/skills", {"document": SKILL, "scripts": {"a.py": "print(1)"}}),
    "switch a skill": ("PATCH", "/skills/audit", {"is_active": True}),
    "make a role": (
        "POST",
        "/roles",
        {
            "name": "auditor",
            "description": "Checks.",
            "brief": "",
            "tools": ["calculator"],
            "tier": "medium",
            "max_turns": 3,
            "max_output_tokens": 100,
            "budget_tokens": 10,
            "budget_usd": "0.1",
            "budget_ask_person_percent": 10,
            "is_active": True,
        },
    ),
    "register a server": (
        "POST",
        "/mcp-servers",
        {
            "name": "calc",
            "url": "http://127.0.0.1:9/mcp",
            "headers": {"X-A": "b"},
            "tools_allowed": ["a"],
            "tools_trusted": ["a"],
            "timeout_seconds": 1,
            "is_active": True,
        },
    ),
    "import an API": (
        "POST",
        "/openapi-apis",
        {
            "name": "shop",
            "document": json.dumps(
                {"openapi": "3.1.0", "paths": {"/a": {"get": {}}}, "servers": [{"url": "http://127.0.0.1:9"}]}
            ),
            "server_url": "",
            "credentials": {},
            "tags": ["a"],
            "operations": ["a"],
            "operations_trusted": ["a"],
            "timeout_seconds": 1,
            "is_active": True,
        },
    ),
    "edit a file": ("POST", "/sessions/chat/files-edit", {"path": "a.txt", "old": "a", "new": "b"}),
    "compare files": ("POST", "/sessions/chat/files-diff", {"path": "a.txt", "other": "b.txt"}),
    "ask an agent": ("POST", "/agents/calculator", {"input": {"query": "x"}}),
}
RUBBISH: list[Any] = [
    *(None, True, 0, -1, 10**30, 1e308, 0.1),
    *("", " ", "\0", "\ud800", "x" * 70_000, "../../etc/passwd", "𝕏", "a\r\nb", "{", "http://[x", "file:///etc/passwd"),
    *([], [None], [[[]]], ["\0"], ["x"] * 300, {}, {"": ""}, {"a": None}, {"\0": "\0"}, {"$ref": "#"}, {"type": "int"}),
]
WHOLE = [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"{}" * 2, b'{"a":NaN}', b'{"a":' * 2_000 + b"1" + b"}" * 2_000]
NAMES = ["", ".", "..", "\0", "a\nb", "x" * 3_000, "𝕏", "own__", "own__x", "mcp__a__b", "%", "a@b", "@", "' OR 1=1 --"]
PLACES = [
    *("/tools/{}", "/tools/{}/definition", "/skills/{}", "/skills/{}/versions", "/roles/{}", "/agents/{}"),
    *("/mcp-servers/{}", "/openapi-apis/{}", "/modules/{}", "/memory/files/{}", "/sessions/chat/files/{}"),
    *("/sessions/{}/files", "/tools?category={}", "/skills?category={}", "/sessions/chat/files?path={}"),
    *("/tasks/{}", "/schedules/{}", "/templates/{}", "/sessions/{}", "/approvals/{}", "/sessions/{}/history"),
    *("/sessions/chat/files-search?query={}", "/sessions/chat/files?limit={}", "/memory/files?path={}"),
]


@pytest.fixture
def client(settings: Any) -> Client:
    """Of somebody who may do everything, whose tenant has a tool and a session."""
    settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = "127.0.0.1:9"  # nobody listens there
    settings.SHANNON_RATE_LIMIT_KEY_PER_MINUTE = settings.SHANNON_RATE_LIMIT_TENANT_PER_MINUTE = 0
    caller: Caller = caller_of("rubbish", sorted(set(SCOPES)))
    made = caller.client.post(f"{API}/tools", BODIES["register a tool"][2] | {"name": "there"}, JSON)
    assert made.status_code == 201, made.content
    written = caller.client.put(f"{API}/sessions/chat/files/a.txt", b"a", "text/plain")
    assert written.status_code < 300, written.content
    return caller.client


def check(response: Any, sent: object) -> None:
    """Look at whether it is an answer of the contract."""
    assert response.status_code < 500, (sent, response.content)
    if response.status_code >= 400:
        assert response.json()["error"]["code"], sent


def changed(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the body with rubbish in place of each of its fields, and with a field that there is not."""
    for name in body:
        for value in RUBBISH:
            yield body | {name: value}
    yield body | {"nobody_knows_this": 1}


@pytest.mark.parametrize("what", BODIES)
def test_a_field_may_hold_anything(client: Client, what: str) -> None:
    method, path, body = BODIES[what]
    for sent in changed(body):
        check(client.generic(method, API + path, json.dumps(sent), JSON), sent)


@pytest.mark.parametrize("what", BODIES)
def test_a_body_may_be_anything(client: Client, what: str) -> None:
    method, path, _ = BODIES[what]
    for sent in WHOLE:
        answer = client.generic(method, API + path, sent, JSON)
        check(answer, sent)
        assert answer.status_code >= 400 or sent == b"", sent


@pytest.mark.parametrize("place", PLACES)
def test_a_name_may_be_anything(client: Client, place: str) -> None:
    methods = ["GET"] if "?" in place else ["GET", "PATCH", "DELETE", "PUT", "POST"]
    for name in NAMES:
        for method in methods:
            path = API + place.format(quote(name, safe=""))
            check(client.generic(method, path, b"{}", JSON), (method, path))
