"""POST /api/v1/tasks and /api/v1/tasks/stream."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from django.test import Client
from pytest_django import Settings

from orchestration.models import Event, Task
from shannon_project.asgi import application
from tests.integration.api.callers import Caller, error_of

pytestmark = pytest.mark.django_db
URL = "/api/v1/tasks"
JSON = "application/json"


def post(caller: Caller, body: Any, url: str = URL, **headers: str) -> Any:
    """Send a body."""
    return caller.client.post(url, data=body, content_type=JSON, headers=headers)


def test_submitting_answers_200_with_the_ids_in_body_and_headers(caller: Caller) -> None:
    response = post(caller, {"query": "What is 2 + 2?"})
    assert response.status_code == 200
    body = response.json()
    task = Task.objects.get(id=body["task_id"])
    assert body["workflow_id"] == str(task.id) == response["X-Workflow-ID"]
    assert response["X-Session-ID"] == str(task.session_id) == body["session_id"]
    assert body["status"] == "QUEUED"
    assert task.tenant_id == caller.tenant.id
    assert Event.objects.get(task=task, seq=1).kind == "WORKFLOW_STARTED"


def test_submitting_for_a_stream_answers_201_with_an_absolute_address(caller: Caller) -> None:
    response = post(caller, {"query": "What is 2 + 2?"}, url=f"{URL}/stream")
    assert response.status_code == 201
    body = response.json()
    assert body["stream_url"] == f"http://testserver/api/v1/stream/sse?workflow_id={body['task_id']}"
    assert response["Link"] == f'<{body["stream_url"]}>; rel="stream"'


def test_everything_that_the_official_client_sends_is_taken(caller: Caller) -> None:
    body = {
        "query": "Compare a, b and c.",
        "session_id": "chat:1_a.b-c",
        "context": {"language": "en", "nested": {"list": [1, 2.5, None, True]}},
        "mode": "standard",
        "model_tier": "small",
        "model_override": "offline/small",
        "max_concurrent_agents": 3,
    }
    response = post(caller, body)
    assert response.status_code == 200, response.content
    assert response["X-Session-ID"] == "chat:1_a.b-c"
    task = Task.objects.get(id=response.json()["task_id"])
    assert (task.mode, task.strategy, task.concurrency_limit) == ("standard", "dag", 3)
    assert task.context == body["context"]


@pytest.mark.parametrize("name", ["session_id", "mode", "model_tier", "model_override", "max_concurrent_agents"])
def test_null_means_absent(caller: Caller, name: str) -> None:
    assert post(caller, {"query": "hello", name: None}).status_code == 200


BAD: list[tuple[str, Any, str]] = [
    ("no query", {}, "query"),
    ("empty query", {"query": ""}, "query"),
    ("blank query", {"query": " \n\t"}, "query"),
    ("number as query", {"query": 5}, "query: must be a string"),
    ("list as query", {"query": ["a"]}, "query: must be a string"),
    ("null query", {"query": None}, "query"),
    ("NUL in query", {"query": "a\x00b"}, "query"),
    ("lone surrogate in query", b'{"query": "\\ud800"}', "query"),
    ("query too long", {"query": "x" * 10_001}, "10001 characters long; at most 10000"),
    ("1 MB query", {"query": "x" * 1_000_000}, "1000000 characters long; at most 10000"),
    ("unknown field", {"query": "a", "urgency": 1}, "Unknown field: urgency. Allowed: context, "),
    ("two unknown fields", {"query": "a", "zeta": 1, "alpha": 1}, "Unknown field: alpha, zeta."),
    ("unknown mode", {"query": "a", "mode": "turbo"}, "mode: must be one of: simple, standard, complex"),
    ("mode of wrong type", {"query": "a", "mode": 3}, "mode: must be one of"),
    ("unknown tier", {"query": "a", "model_tier": "huge"}, "model_tier: must be one of: small, medium, large"),
    ("context is a list", {"query": "a", "context": []}, "context: must be an object"),
    ("context is a string", {"query": "a", "context": "x"}, "context: must be an object"),
    ("NUL in context", {"query": "a", "context": {"k": "\x00"}}, "context: holds a value that cannot be stored"),
    ("NUL in a key of context", {"query": "a", "context": {"\x00": 1}}, "context: holds a value that cannot"),
    ("surrogate in context", b'{"query": "a", "context": {"k": "\\udfff"}}', "context: holds a value"),
    ("infinity in context", b'{"query": "a", "context": {"k": 1e999}}', "context: holds a value"),
    ("context too large", {"query": "a", "context": {"k": "x" * 300_000}}, "context: is 3000"),
    ("session of wrong type", {"query": "a", "session_id": 7}, "session_id: must be a string"),
    ("session with a space", {"query": "a", "session_id": "my chat"}, "session_id: must be 1 to 128"),
    ("session with a newline", {"query": "a", "session_id": "chat\n"}, "session_id: must be 1 to 128"),
    ("session too long", {"query": "a", "session_id": "x" * 129}, "session_id: must be 1 to 128"),
    ("no agents", {"query": "a", "max_concurrent_agents": 0}, "max_concurrent_agents"),
    ("too many agents", {"query": "a", "max_concurrent_agents": 21}, "max_concurrent_agents"),
    ("agents as text", {"query": "a", "max_concurrent_agents": "5"}, "max_concurrent_agents: must be a whole"),
    ("agents as truth", {"query": "a", "max_concurrent_agents": True}, "max_concurrent_agents: must be a whole"),
    ("agents as fraction", {"query": "a", "max_concurrent_agents": 2.5}, "max_concurrent_agents: must be a whole"),
    ("a list as body", [{"query": "a"}], "JSON object"),
    ("text as body", '"query"', "JSON object"),
    ("not JSON", b'{"query": ', "JSON parse error"),
    ("NaN", b'{"query": "a", "context": {"k": NaN}}', "JSON parse error"),
    ("a number too large to keep", b'{"query": "a", "context": {"k": 1e999}}', "context"),
    ("not UTF-8", b'{"query": "\xff"}', "JSON parse error"),
    ("nested deeper than it may be", b'{"query": "a", "context": ' + b'{"a":' * 99 + b"1" + b"}" * 100, "64 levels"),
    ("nested too deeply", b'{"query": "a", "context": ' + b'{"a":' * 200_000, "nested too deeply"),
]


@pytest.mark.parametrize("url", [URL, f"{URL}/stream"])
@pytest.mark.parametrize(("body", "says"), [pytest.param(body, says, id=name) for name, body, says in BAD])
def test_bad_input_is_refused_and_says_what_to_change(caller: Caller, url: str, body: Any, says: str) -> None:
    error = error_of(post(caller, body, url=url), 400)
    assert says in error["message"]
    assert not Task.objects.exists()


def test_an_unknown_field_is_named_with_what_is_allowed(caller: Caller) -> None:
    error = error_of(post(caller, {"query": "a", "prioritry": 1}), 400)
    assert error["details"]["unknown"] == ["prioritry"]
    assert "query" in error["details"]["allowed"]
    assert "provider_override" not in error["message"]  # it is refused when it says anything


def test_an_unknown_query_parameter_is_refused(caller: Caller) -> None:
    assert "Unknown field: dry_run" in error_of(post(caller, {"query": "a"}, url=f"{URL}?dry_run=1"), 400)["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"attachments": []},
        {"enable_verification": True},
        {"provider_override": "openai"},
        {"context": {"force_p2p": True}},
    ],
)
def test_what_is_not_available_here_is_refused_by_name_and_not_ignored(caller: Caller, body: dict[str, Any]) -> None:
    error = error_of(post(caller, {"query": "a", **body}), 400)
    assert error["code"] == "UNSUPPORTED_OPTION"
    name = next(iter(body)) if "context" not in body else next(iter(body["context"]))
    assert name in error["message"] or name in str(error["details"])


def test_a_body_beyond_every_limit_is_refused_saying_the_limit(caller: Caller, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 5000
    error = error_of(post(caller, {"query": "x" * 5001}), 413)
    assert (error["code"], error["details"]) == ("BODY_TOO_LARGE", {"max_bytes": 5000})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("size", "status"), [(10, 200), (6000, 413)])
async def test_a_body_in_chunks_without_a_length_is_read(
    caller: Caller, settings: Settings, size: int, status: int
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 5000

    async def chunks() -> AsyncIterator[bytes]:
        for part in (b'{"query": "', b"x" * size, b'"}'):
            yield part

    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        headers = {"X-API-Key": caller.key, "Content-Type": JSON}
        response = await client.post(URL, content=chunks(), headers=headers)
    assert response.status_code == status, response.content


def test_a_host_that_is_not_served_is_refused_with_the_envelope(caller: Caller) -> None:
    error_of(caller.client.get(URL, headers={"Host": "elsewhere.example"}), 400)


def test_another_content_type_is_refused(caller: Caller) -> None:
    response = caller.client.post(URL, data="query=a", content_type="application/x-www-form-urlencoded")
    error = error_of(response, 415)
    assert error["code"] == "UNSUPPORTED_MEDIA_TYPE"
    assert "Send application/json." in error["message"]


def test_a_session_of_another_tenant_is_not_found(caller: Caller, stranger: Caller) -> None:
    foreign = str(stranger.submit().session_id)
    assert error_of(post(caller, {"query": "a", "session_id": foreign}), 404)["code"] == "SESSION_NOT_FOUND"
    assert Task.objects.count() == 1


def test_the_same_session_name_is_another_session_in_another_tenant(caller: Caller, stranger: Caller) -> None:
    ours, theirs = (post(who, {"query": "a", "session_id": "chat"}).json()["task_id"] for who in (caller, stranger))
    assert Task.objects.get(id=ours).session_id != Task.objects.get(id=theirs).session_id


@pytest.mark.parametrize("url", [URL, f"{URL}/stream"])
def test_the_same_key_and_body_give_the_same_answer(caller: Caller, url: str) -> None:
    first = post(caller, {"query": "a"}, url=url, **{"Idempotency-Key": "k1"})
    Task.objects.update(status="RUNNING")
    again = post(caller, {"query": "a"}, url=url, **{"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert Task.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(caller: Caller) -> None:
    post(caller, {"query": "a"}, **{"Idempotency-Key": "k1"})
    error = error_of(post(caller, {"query": "b"}, **{"Idempotency-Key": "k1"}), 422)
    assert error["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_a_key_is_its_tenants_own(caller: Caller, stranger: Caller) -> None:
    first = post(caller, {"query": "a"}, **{"Idempotency-Key": "k1"}).json()
    other = post(stranger, {"query": "b"}, **{"Idempotency-Key": "k1"}).json()
    assert first["task_id"] != other["task_id"]


@pytest.mark.parametrize("key", ["x" * 256, "with space", "é"])
def test_a_bad_idempotency_key_is_refused(caller: Caller, key: str) -> None:
    assert "Idempotency-Key" in error_of(post(caller, {"query": "a"}, **{"Idempotency-Key": key}), 400)["message"]


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "sk_wrong"}, {"Authorization": "Bearer nothing"}])
def test_without_a_valid_key_nothing_is_submitted(db: None, headers: dict[str, str]) -> None:
    response = Client().post(URL, data={"query": "a"}, content_type=JSON, headers=headers)
    error_of(response, 401)
    assert response["WWW-Authenticate"]


def test_a_key_in_the_query_string_is_not_enough_to_submit(caller: Caller) -> None:
    error_of(Client().post(f"{URL}?api_key={caller.key}", data={"query": "a"}, content_type=JSON), 401)


def test_a_bearer_key_is_a_key(caller: Caller) -> None:
    headers = {"Authorization": f"Bearer {caller.key}"}
    assert Client().post(URL, data={"query": "a"}, content_type=JSON, headers=headers).status_code == 200


def test_submitting_needs_its_scope(caller_with: Callable[..., Caller]) -> None:
    error = error_of(post(caller_with("tasks:read"), {"query": "a"}), 403)
    assert error["details"]["required"] == "tasks:write"


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused_with_the_envelope(caller: Caller, method: str) -> None:
    response = getattr(caller.client, method)(URL)
    assert response.status_code in (403, 405)
    error_of(response, response.status_code)


def test_a_priority_is_kept_and_told(caller: Caller) -> None:
    answer = post(caller, {"query": "What is 2 + 2?", "priority": "critical"}).json()
    assert Task.objects.get(id=answer["task_id"]).priority == 0
    assert caller.client.get(f"{URL}/{answer['task_id']}").json()["metadata"]["priority"] == "critical"
    refused = error_of(post(caller, {"query": "a", "priority": "urgent"}), 400)
    assert "critical, high, normal, low" in refused["message"]
