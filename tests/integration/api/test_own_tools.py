"""Tools that a tenant registers: a program or a module; listed, called, guarded, changed, deleted; nobody else's."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from agents.models import OwnToolRow
from agents.tools.base import FileUse, ToolContext, ToolOutput
from agents.tools.registry import tool_definitions, tool_for
from policy.services import tenant_seed
from sandbox.runtimes.fake import FakeRuntime, fake_result
from sandbox.services import module_upload
from sandbox.types import Outcome
from tests.integration.api.callers import Caller, error_of
from tests.integration.api.test_tools import execute, worker
from tests.wasm_modules import HELLO

__all__ = ["worker"]  # the fixture
pytestmark = pytest.mark.django_db
URL = "/api/v1/tools"
JSON = "application/json"
TOTAL: dict[str, Any] = {
    "name": "invoice_total",
    "description": "Add up the lines of an invoice.",
    "guest": "python",
    "code": "import json\nprint(json.dumps({'total': sum(json.load(open(0))['lines'])}))",
    "parameters": {
        "type": "object",
        "properties": {"lines": {"type": "array", "items": {"type": "number"}}},
        "required": ["lines"],
        "additionalProperties": False,
    },
    "returns": {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]},
}


@pytest.fixture(autouse=True)
def _nothing_kept(settings: Any) -> None:
    settings.SHANNON_TENANT_TOOLS_CACHE_SECONDS = 0.0


@pytest.fixture
def fake(settings: Any) -> type[FakeRuntime]:
    """A sandbox that answers what it is told to."""
    settings.SHANNON_SANDBOX_RUNTIME = "sandbox.runtimes.fake.FakeRuntime"
    FakeRuntime.forget()
    return FakeRuntime


def register(caller: Caller, **values: Any) -> Any:
    return caller.client.post(URL, TOTAL | values, JSON)


def call(caller: Caller, arguments: dict[str, Any], name: str = "own__invoice_total") -> ToolOutput:
    ctx = ToolContext(caller.tenant.id, uuid4(), uuid4(), timeout_seconds=30.0)
    return tool_for(name, tenant_id=caller.tenant.id).execute(ctx, arguments)


def test_a_tool_is_registered_listed_changed_and_deleted(caller: Caller) -> None:
    made = register(caller)
    assert made.status_code == 201, made.content
    assert made.json()["name"] == "own__invoice_total"
    tools = {tool["name"]: tool for tool in caller.client.get(URL, {"category": "own"}).json()["tools"]}
    assert tools["own__invoice_total"]["parameters"] == TOTAL["parameters"]
    assert tools["own__invoice_total"]["returns"] == TOTAL["returns"]
    one = f"{URL}/own__invoice_total"
    assert caller.client.get(one).json()["description"] == TOTAL["description"]
    assert caller.client.get(f"{one}/definition").json()["code"] == TOTAL["code"]
    changed = caller.client.patch(one, {"dangerous": True, "wall_seconds": 2.5, "memory_bytes": 67_108_864}, JSON)
    assert changed.status_code == 200, changed.content
    assert (changed.json()["dangerous"], changed.json()["code"]) == (True, TOTAL["code"])
    assert caller.client.patch(one, {"memory_bytes": 0}, JSON).json()["memory_bytes"] is None
    definition = tool_definitions(["own__invoice_total"], tenant_id=caller.tenant.id)[0]["function"]
    assert definition["parameters"] == TOTAL["parameters"]
    assert caller.client.delete(one).status_code == 204
    assert error_of(caller.client.get(one), 404)["code"] == "TOOL_NOT_FOUND"


def test_a_tool_is_its_tenants(caller: Caller, stranger: Caller) -> None:
    register(caller)
    one = f"{URL}/own__invoice_total"
    for answer in (
        stranger.client.get(one),
        stranger.client.get(f"{one}/definition"),
        stranger.client.patch(one, {"dangerous": True}, JSON),
        stranger.client.delete(one),
        stranger.client.post(f"{one}/test", {"arguments": {"lines": []}}, JSON),
    ):
        assert error_of(answer, 404)["code"] == "TOOL_NOT_FOUND"
    assert "own__" not in str(stranger.client.get(URL).json())
    assert register(stranger).status_code == 201


def test_shipped_tools_are_not_changed_or_deleted(caller: Caller) -> None:
    error_of(caller.client.patch(f"{URL}/calculator", {"dangerous": True}, JSON), 404)
    error_of(caller.client.delete(f"{URL}/calculator"), 404)
    error_of(caller.client.get(f"{URL}/calculator/definition"), 404)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "Total"}, "name"),
        ({"name": "a__b"}, "name"),
        ({"name": "../x"}, "name"),
        ({"guest": "module"}, "module"),
        ({"guest": "module", "module": "nope", "code": ""}, "upload it first"),
        ({"code": ""}, "`code`"),
        ({"module": "x"}, "no `module`"),
        ({"parameters": {"type": "string"}}, "object"),
        ({"parameters": {"type": "no such type"}}, "`parameters` is no JSON schema"),
        ({"returns": {"type": 5}}, "`returns` is no JSON schema"),
        ({"memory_bytes": 1000}, "memory_bytes"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_reason(caller: Caller, values: dict[str, Any], words: str) -> None:
    error = error_of(register(caller, **values), 400)
    assert words in error["message"]
    assert error["code"] == "TOOL_INVALID"
    assert not OwnToolRow.objects.exists()


def test_a_change_that_cannot_be_run_changes_nothing(caller: Caller) -> None:
    register(caller)
    error_of(caller.client.patch(f"{URL}/own__invoice_total", {"code": "", "description": "other"}, JSON), 400)
    assert OwnToolRow.objects.get().description == TOTAL["description"]


def test_unknown_fields_and_wrong_types_are_refused(caller: Caller) -> None:
    assert error_of(register(caller, colour="red"), 400)["details"]["unknown"] == ["colour"]
    error_of(register(caller, guest="bash"), 400)
    error_of(register(caller, wall_seconds=100_000), 400)


def test_scopes_are_asked_for(caller_with: Callable[..., Caller], caller: Caller) -> None:
    register(caller)
    reader = caller_with("tools:read")
    error_of(register(reader), 403)
    error_of(reader.client.patch(f"{URL}/own__invoice_total", {"dangerous": True}, JSON), 403)
    error_of(reader.client.delete(f"{URL}/own__invoice_total"), 403)
    error_of(reader.client.get(f"{URL}/own__invoice_total/definition"), 403)


def test_a_tenant_has_so_many_and_one_of_each_name(caller: Caller, settings: Any) -> None:
    register(caller)
    assert error_of(register(caller), 409)["code"] == "TOOL_EXISTS"
    settings.SHANNON_OWN_TOOLS_MAX = 1
    assert error_of(register(caller, name="other"), 409)["code"] == "TOOL_EXISTS"


def test_a_repeated_request_registers_one(caller: Caller) -> None:
    answers = [caller.client.post(URL, TOTAL, JSON, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


def test_the_program_reads_its_arguments_and_its_output_is_the_answer(caller: Caller, fake: type[FakeRuntime]) -> None:
    register(caller, wall_seconds=1.5, memory_bytes=67_108_864)
    fake.answers[TOTAL["code"]] = fake_result(stdout='{"total": 6}\n')
    assert call(caller, {"lines": [1, 2, 3]}).output == {"total": 6}
    (run,) = fake.requests
    assert (run.guest, run.stdin, dict(run.files)) == ("python", b'{"lines": [1, 2, 3]}', {})
    assert run.limits is not None
    assert (run.limits.wall_seconds, run.limits.memory_bytes) == (1.5, 67_108_864)
    assert tool_for("own__invoice_total", tenant_id=caller.tenant.id).file_use is FileUse.NONE


@pytest.mark.parametrize("printed", ["six", '{"total": "six"}', "", "NaN", "[" * 100_000, '{"total": 1} {}'])
def test_an_output_that_is_not_as_promised_is_an_error(caller: Caller, fake: type[FakeRuntime], printed: str) -> None:
    register(caller)
    fake.answers[TOTAL["code"]] = fake_result(stdout=printed)
    error = call(caller, {"lines": []}).error
    assert error is not None
    assert (error.code, error.final) == ("TOOL_OUTPUT_INVALID", False)


def test_without_a_schema_any_text_is_an_output(caller: Caller, fake: type[FakeRuntime]) -> None:
    register(caller, returns={})
    for printed, output in (("six", {"text": "six"}), ("6", 6), ("null", None)):
        fake.answers[TOTAL["code"]] = fake_result(stdout=printed)
        assert call(caller, {"lines": []}).output == output


def test_a_program_that_fails_or_is_stopped_is_told_as_such(caller: Caller, fake: type[FakeRuntime]) -> None:
    register(caller)
    fake.answers[TOTAL["code"]] = fake_result(outcome=Outcome.FAILED, stderr="Traceback\nValueError: no lines")
    failed = call(caller, {"lines": []}).error
    assert failed is not None
    assert failed.code == "PROGRAM_FAILED"
    assert failed.message.endswith("exit code 1: ValueError: no lines")
    fake.answers[TOTAL["code"]] = fake_result(outcome=Outcome.TIMEOUT)
    stopped = call(caller, {"lines": []}).error
    assert stopped is not None
    assert stopped.code == "SANDBOX_TIMEOUT"


def test_a_module_is_a_tool_too(caller: Caller) -> None:
    module_upload(tenant_id=caller.tenant.id, name="hello", content=HELLO)
    made = register(
        caller, name="greet", guest="module", module="hello", code="", parameters={"type": "object"}, returns={}
    )
    assert made.status_code == 201, made.content
    assert call(caller, {}, "own__greet").output == {"text": "hello\n"}
    caller.client.delete("/api/v1/modules/hello")
    ctx = ToolContext(caller.tenant.id, uuid4(), uuid4(), timeout_seconds=30.0)
    with pytest.raises(Exception, match="no such module"):
        tool_for("own__greet", tenant_id=caller.tenant.id).execute(ctx, {})


def test_a_program_in_the_real_sandbox_works_on_the_sessions_files(caller: Caller) -> None:
    code = "import json\njson.load(open(0))\nopen('left.txt', 'w').write('x')\nprint(json.dumps({'total': 1}))"
    register(caller, code=code, uses_files=True)
    done = call(caller, {"lines": []})
    assert (done.output, done.files_changed, done.error) == ({"total": 1}, ("left.txt",), None)


def test_switched_off_it_is_not_there(caller: Caller) -> None:
    register(caller, is_active=False)
    error_of(caller.client.get(f"{URL}/own__invoice_total"), 404)
    assert caller.client.get(f"{URL}/own__invoice_total/definition").json()["is_active"] is False


def test_a_call_is_checked_without_being_made(caller: Caller, caller_with: Callable[..., Caller]) -> None:
    register(caller, dangerous=True)
    weak = caller_with("tools:execute")
    tried = weak.client.post(f"{URL}/own__invoice_total/test", {"arguments": {"lines": ["x"]}}, JSON).json()
    assert tried["missing_scopes"] == ["tools:dangerous"]
    assert tried["arguments_problem"].startswith("lines.0")
    assert tried["would_run"] is False


@pytest.mark.django_db(transaction=True)
async def test_it_is_called_over_the_api_like_any_other(caller: Caller, worker: None, fake: type[FakeRuntime]) -> None:
    from asgiref.sync import sync_to_async  # noqa: PLC0415 - only here

    await sync_to_async(register)(caller)
    fake.answers[TOTAL["code"]] = fake_result(stdout='{"total": 3.5}')
    answer = (await execute(caller, "own__invoice_total", {"arguments": {"lines": [1, 2.5]}})).json()
    assert (answer["success"], answer["output"]) == (True, {"total": 3.5})
    refused = await execute(caller, "own__invoice_total", {"arguments": {"lines": "x"}})
    assert error_of(refused, 400)["code"] == "TOOL_INPUT_INVALID"


def test_the_admin_registers_by_the_same_rules(admin_client: Client) -> None:
    import json  # noqa: PLC0415 - only here

    tenant = tenant_seed(slug="ours", name="Ours")
    page = "/admin/agents/owntoolrow/add/"
    values = {
        **{name: TOTAL[name] for name in ("name", "description", "guest", "code")},
        "tenant": tenant.id,
        "parameters": json.dumps(TOTAL["parameters"]),
        "returns": "{}",
        "wall_seconds": 2,
        "is_active": "on",
    }
    assert b"no JSON schema" in admin_client.post(page, {**values, "parameters": '{"type": 1}'}).content
    assert not OwnToolRow.objects.exists()
    saved = admin_client.post(page, values)
    assert saved.status_code == 302, saved.content[-3000:]
    row = OwnToolRow.objects.get()
    assert (row.name, row.returns, row.created_by) == ("invoice_total", {}, "user:admin")
    assert admin_client.get(f"/admin/agents/owntoolrow/{row.id}/change/").status_code == 200
