"""Tool calls as a step makes them: authorised, recorded, told to the model."""

import json
import time
import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError
from pytest_django import DjangoAssertNumQueries
from structlog.testing import capture_logs

from agents.context import StepContext
from agents.errors import JournalMismatch, OutcomeUnknown, StepWaits
from agents.journal import Journal
from agents.models import JournalEntry
from agents.services import memory_remember, tool_call, workspace_overview
from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.tools.builtin.calculator import CalculatorTool
from agents.types import ApprovalAnswer, AskedBy, ToolResult
from policy.models import AuditEntry
from policy.types import Principal
from sandbox.runtimes.fake import FakeRuntime, fake_result
from sandbox.services import workspace_open
from sandbox.types import Outcome
from shannon_project.foundation.errors import Unavailable
from tests.integration.agents.steps import engine_of, next_attempt, step_of


def call(ctx: StepContext, name: str, journal: Journal | None = None, **arguments: Any) -> ToolResult:
    """Call a tool in a step."""
    return tool_call(ctx, journal or Journal(ctx), name, json.dumps(arguments))


def output_of(result: ToolResult) -> Mapping[str, Any]:
    """Return the output of a call that went well."""
    assert result.error is None
    assert isinstance(result.output, dict)
    return result.output


def code_of(result: ToolResult) -> tuple[str, bool]:
    """Return the code of a call that did not, and whether that is final."""
    assert result.error is not None
    return result.error.code, result.error.final


@pytest.fixture
def _fake_sandbox(settings: Any) -> None:
    settings.SHANNON_SANDBOX_RUNTIME = "sandbox.runtimes.fake.FakeRuntime"
    FakeRuntime.forget()


def test_a_call_is_recorded_and_watched(principal: Principal) -> None:
    ctx = step_of(principal)
    assert output_of(call(ctx, "calculator", expression="6 * 7")) == {"result": 42, "text": "42"}
    events = engine_of(ctx).events
    assert [event.kind for event in events] == ["TOOL_INVOKED", "TOOL_OBSERVATION"]
    assert events[0].payload["arguments"] == {"expression": "6 * 7"}
    assert events[1].payload["output"] == {"result": 42, "text": "42"}
    entry = JournalEntry.objects.get()
    assert (entry.kind, entry.key, entry.status, entry.task_id) == ("tool", "calculator", "finished", ctx.task_id)


def test_a_recorded_call_is_not_made_again(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = step_of(principal)
    first = call(ctx, "calculator", expression="1 + 1")
    monkeypatch.setattr(CalculatorTool, "execute", lambda *_: pytest.fail("the tool ran again"))
    assert call(next_attempt(ctx), "calculator", expression="1 + 1") == first
    assert len(engine_of(ctx).events) == 2


@pytest.mark.usefixtures("_policies_stay")
def test_a_fresh_call_costs_six_queries(
    principal: Principal, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ctx = step_of(principal)
    call(ctx, "calculator", expression="1")  # the process compiles its policies once
    journal = Journal(next_attempt(ctx))
    call(ctx, "calculator", journal, expression="1")
    with django_assert_num_queries(6):  # twice a savepoint, a write and its release; none for the policy
        call(ctx, "calculator", journal, expression="2")


@pytest.mark.parametrize(
    ("name", "text", "code", "final"),
    [
        ("calculator", "{", "TOOL_INPUT_INVALID", False),
        ("calculator", "[]", "TOOL_INPUT_INVALID", False),
        ("calculator", "{}", "TOOL_INPUT_INVALID", False),
        ("calculator", '{"expression": "1 / 0"}', "TOOL_INPUT_INVALID", False),
        ("nope", "{}", "TOOL_NOT_FOUND", True),
        ("calculator", '{"expression": "1", "x": 1e400}', "TOOL_INPUT_INVALID", False),
        ("calculator", '{"expression": "1", "x": ' + "[" * 1500 + "]" * 1500 + "}", "TOOL_INPUT_INVALID", False),
        ("file_read", '{"path": "none.txt"}', "WORKSPACE_FILE_MISSING", False),
        ("file_read", '{"path": "../../etc/passwd"}', "WORKSPACE_PATH_INVALID", False),
    ],
)
def test_what_is_wrong_with_a_call_is_told_to_the_model(
    principal: Principal, name: str, text: str, code: str, final: bool
) -> None:
    ctx = step_of(principal)
    result = tool_call(ctx, Journal(ctx), name, text)
    assert code_of(result) == (code, final)
    assert tool_call(next_attempt(ctx), Journal(next_attempt(ctx)), name, text) == result
    assert engine_of(ctx).kinds() == ["TOOL_INVOKED", "TOOL_OBSERVATION"]


def test_a_tool_that_was_not_offered_does_not_exist(principal: Principal) -> None:
    ctx = step_of(principal)
    result = tool_call(ctx, Journal(ctx), "python", '{"code": "1"}', offered=("calculator",))
    assert code_of(result) == ("TOOL_NOT_FOUND", True)


def test_a_denied_call_is_a_final_error_and_an_audit_entry(principal: Principal) -> None:
    ctx = step_of(Principal(principal.tenant_id, "key:reader", "bob", frozenset({"tasks:read"})))
    result = call(ctx, "calculator", expression="1")
    assert code_of(result) == ("POLICY_DENIED", True)
    assert AuditEntry.objects.get(action="tool.call").actor == "key:reader"
    assert call(next_attempt(ctx), "calculator", expression="1") == result
    assert AuditEntry.objects.filter(action="tool.call").count() == 1


def test_a_tools_defect_is_told_to_the_model_and_logged(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> ToolOutput:
        raise AttributeError("a defect")

    monkeypatch.setattr(CalculatorTool, "execute", broken)
    ctx = step_of(principal)
    with capture_logs() as logs:
        result = call(ctx, "calculator", expression="1")
    assert code_of(result) == ("TOOL_BROKE", True)
    assert [(entry["event"], entry["tool"]) for entry in logs] == [("tool_broke", "calculator")]
    assert call(next_attempt(ctx), "calculator", expression="1") == result


@pytest.mark.parametrize("output", [{"x": float("nan")}, {"x": object()}])
def test_an_output_that_is_no_json_is_a_tools_defect(
    principal: Principal, monkeypatch: pytest.MonkeyPatch, output: Any
) -> None:
    monkeypatch.setattr(CalculatorTool, "execute", lambda *_: ToolOutput(output))
    assert code_of(call(step_of(principal), "calculator", expression="1")) == ("TOOL_BROKE", True)


def test_a_defect_of_a_tool_that_may_not_run_twice_and_one_of_the_database_stop_the_step(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, idempotent in ((AttributeError("a defect"), False), (OperationalError("gone"), True)):

        def broken(*_: object, raised: Exception = error) -> ToolOutput:
            raise raised

        monkeypatch.setattr(CalculatorTool, "idempotent", idempotent)
        monkeypatch.setattr(CalculatorTool, "execute", broken)
        with pytest.raises(type(error)):
            call(step_of(principal), "calculator", expression="1")


def test_a_passing_failure_stops_the_step_and_is_tried_again(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = step_of(principal)

    def busy(*_: object) -> ToolOutput:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(CalculatorTool, "execute", busy)
        with pytest.raises(Unavailable):
            call(ctx, "calculator", expression="1")
    assert output_of(call(next_attempt(ctx), "calculator", expression="1"))["result"] == 1


class Crash(BaseException):
    """The process died here."""


def test_a_tool_that_may_not_run_twice_is_unknown_after_a_crash_even_when_denied_now(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = step_of(principal)

    def die(*_: object) -> ToolOutput:
        raise Crash

    monkeypatch.setattr(CalculatorTool, "idempotent", False)
    monkeypatch.setattr(CalculatorTool, "execute", die)
    with pytest.raises(Crash):
        call(ctx, "calculator", expression="1")
    denied = Principal(principal.tenant_id, "key:reader", "bob", frozenset({"tasks:read"}))
    for acting in (principal, denied):
        with pytest.raises(OutcomeUnknown):
            call(replace(next_attempt(ctx), principal=acting), "calculator", expression="1")


@pytest.mark.parametrize("character", ["a", "ü", "字", "😀", "\x01"])
def test_the_longest_part_of_a_file_is_read_whole_whatever_its_characters(principal: Principal, character: str) -> None:
    ctx = step_of(principal)
    text = character * 10_000
    workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id).write("a.txt", text.encode())
    assert output_of(call(ctx, "file_read", path="a.txt", limit=10_000))["text"] == text


def test_a_large_output_is_bounded(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = step_of(principal)
    monkeypatch.setattr(CalculatorTool, "execute", lambda *_: ToolOutput({"text": "x" * 300_000}))
    assert "[cut: 300000 characters in all;" in output_of(call(ctx, "calculator", expression="1"))["text"]


def test_what_the_model_thought_is_an_event(principal: Principal) -> None:
    ctx = step_of(principal)
    tool_call(ctx, Journal(ctx), "calculator", '{"expression": "1"}', thought="I add.")
    assert engine_of(ctx).kinds() == ["AGENT_THINKING", "TOOL_INVOKED", "TOOL_OBSERVATION"]


def test_files_are_written_listed_and_read_in_parts(principal: Principal) -> None:
    ctx = step_of(principal)
    journal = Journal(ctx)
    assert output_of(call(ctx, "file_write", journal, path="notes/a.txt", content="grüße" * 3))["size_bytes"] == 21
    assert engine_of(ctx).kinds()[-1] == "WORKSPACE_UPDATED"
    listed = output_of(call(ctx, "file_list", journal, path="notes"))
    assert listed == {"entries": [{"path": "notes/a.txt", "is_dir": False, "size_bytes": 21}], "total": 1}
    first = output_of(call(ctx, "file_read", journal, path="notes/a.txt", limit=5))
    assert (first["text"], first["next_offset"], first["total_characters"]) == ("grüße", 5, 15)
    last = output_of(call(ctx, "file_read", journal, path="notes/a.txt", offset=10))
    assert (last["text"], last["next_offset"]) == ("grüße", None)


def test_files_of_another_session_are_out_of_reach(principal: Principal, stranger: Principal) -> None:
    ctx = step_of(principal)
    call(ctx, "file_write", path="a.txt", content="secret")
    assert output_of(call(step_of(principal), "file_list"))["total"] == 0
    assert code_of(call(step_of(stranger), "file_read", path="a.txt")) == ("WORKSPACE_FILE_MISSING", False)


def test_memory_is_searched_within_the_tenant(principal: Principal, stranger: Principal) -> None:
    ctx = step_of(principal)
    memory_remember(
        tenant_id=principal.tenant_id, session_id=None, task_id=ctx.task_id, query="Apple?", answer="It rose."
    )
    memories = output_of(call(ctx, "memory_search", query="apple"))["memories"]
    assert [memory["task_id"] for memory in memories] == [str(ctx.task_id)]
    assert output_of(call(step_of(stranger), "memory_search", query="apple")) == {"memories": []}


@pytest.mark.usefixtures("_fake_sandbox")
def test_python_is_given_the_sessions_files_and_its_own_come_back(principal: Principal) -> None:
    ctx = step_of(principal)
    workspace = workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    workspace.write("data/in.csv", b"a\n1\n")
    workspace.write("old.txt", b"old")
    kept = {"out.txt": b"done"}
    result = fake_result(stdout="hello")
    FakeRuntime.answers["code"] = type(result)(
        **{field: getattr(result, field) for field in result.__slots__}
        | {"files_changed": kept, "files_deleted": ("old.txt",)}
    )
    output = output_of(call(ctx, "python", code="code"))
    assert FakeRuntime.requests[0].files == {"data/in.csv": b"a\n1\n", "old.txt": b"old"}
    assert (output["stdout"], output["exit_code"], output["outcome"]) == ("hello", 0, "ok")
    assert output["files_changed"] == ["out.txt", "old.txt"]
    assert [entry.path for entry in workspace.files()] == ["data/in.csv", "out.txt"]
    assert engine_of(ctx).events[-1].payload == {"files": ["out.txt", "old.txt"]}


@pytest.mark.usefixtures("_fake_sandbox")
def test_what_a_program_printed_is_told_although_a_file_of_it_is_refused(principal: Principal) -> None:
    ctx = step_of(principal)
    FakeRuntime.answers["code"] = replace(fake_result(stdout="useful"), files_changed={"a\nb": b"", "good": b"1"})
    result = call(ctx, "python", code="code")
    assert code_of(result) == ("WORKSPACE_PATH_INVALID", False)
    assert result.error is not None
    assert (result.error.details["stdout"], result.error.details["files_changed"]) == ("useful", [])
    assert workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id).files() == []


@pytest.mark.usefixtures("_fake_sandbox")
@pytest.mark.parametrize(("left_seconds", "wall_seconds", "wait_seconds"), [(600, 20, 60), (50, 20, 30), (10, 5, 5)])
def test_waiting_for_a_sandbox_and_running_end_within_the_steps_time(
    principal: Principal, left_seconds: float, wall_seconds: float, wait_seconds: float
) -> None:
    ctx = replace(step_of(principal), deadline_monotonic_seconds=time.monotonic() + left_seconds)
    assert call(ctx, "python", code="code").ok
    limits = FakeRuntime.requests[0].limits
    assert limits is not None
    assert (limits.wall_seconds, limits.wait_seconds) == pytest.approx((wall_seconds, wait_seconds), abs=1)


@pytest.mark.usefixtures("_fake_sandbox")
def test_a_program_that_fails_by_itself_is_a_success_of_the_tool(principal: Principal) -> None:
    FakeRuntime.answers["code"] = fake_result(outcome=Outcome.FAILED, stderr="Traceback")
    output = output_of(call(step_of(principal), "python", code="code"))
    assert (output["exit_code"], output["stderr"], output["outcome"]) == (1, "Traceback", "failed")


@pytest.mark.usefixtures("_fake_sandbox")
@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if not outcome.ended_by_itself])
def test_a_program_that_was_stopped_is_a_typed_error(principal: Principal, outcome: Outcome) -> None:
    FakeRuntime.answers["code"] = fake_result(outcome=outcome, stdout="so far")
    result = call(step_of(principal), "python", code="code")
    assert code_of(result) == (f"SANDBOX_{outcome.name}", False)
    assert result.error is not None
    assert result.error.details["stdout"] == "so far"


def test_an_overview_tells_of_tables_what_a_plan_needs(principal: Principal) -> None:
    ctx = step_of(principal)
    workspace = workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    assert workspace_overview(tenant_id=principal.tenant_id, session_id=ctx.session_id) == ""
    rows = "".join(f"{symbol},2000-0{month}-01,{month}.5\n" for symbol in ("MSFT", "AAPL") for month in range(1, 4))
    workspace.write("stocks.csv", b"\xef\xbb\xbfsymbol,date,price\n" + rows.encode())
    workspace.write("deep/readme.txt", b"hello")
    assert workspace_overview(tenant_id=principal.tenant_id, session_id=ctx.session_id).splitlines() == [
        "- deep/readme.txt (5 bytes)",
        "- stocks.csv (141 bytes)",
        "  6 rows; columns: symbol, date, price",
        "  values of symbol: AAPL, MSFT",
        "  values of date: 2000-01-01, 2000-02-01, 2000-03-01",
    ]


def test_an_overview_lists_no_column_with_many_values_and_stays_bounded(principal: Principal, settings: Any) -> None:
    ctx = step_of(principal)
    workspace = workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    workspace.write("many.csv", b"name\n" + b"".join(b"n%d\n" % number for number in range(21)))
    workspace.write("odd.csv", b"\xff\xfe\x00binary")
    text = workspace_overview(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    assert "values of name" not in text
    settings.SHANNON_WORKSPACE_OVERVIEW_MAX_CHARACTERS = 20
    cut = workspace_overview(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    assert cut.startswith("- many.csv")
    assert "[cut:" in cut


def test_a_header_with_thousands_of_cells_costs_little(principal: Principal) -> None:
    ctx = step_of(principal)
    workspace = workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    workspace.write("a-wide.csv", b"c," * 30_000 + b"c\n" + b"v," * 30_000 + b"v\n")
    workspace.write("b-hostile.csv", b"," * 4_000_000)
    tracemalloc.start()
    try:
        text = workspace_overview(tenant_id=principal.tenant_id, session_id=ctx.session_id)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    lines = text.splitlines()
    assert lines[1].startswith("  1 rows; columns: c, c, c")
    assert lines[1].endswith("c, and 29,961 more")
    assert lines[-1] == "- b-hostile.csv (4,000,000 bytes)"
    assert peak_bytes < 40_000_000  # as a column each, these cells cost 2 GB


def test_tables_beyond_what_is_read_together_are_only_named(principal: Principal) -> None:
    ctx = step_of(principal)
    workspace = workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    for name in ("a", "b", "c"):
        workspace.write(f"{name}.csv", b"name\n" + (b"x" * 99 + b"\n") * 38_000)
    lines = workspace_overview(tenant_id=principal.tenant_id, session_id=ctx.session_id).splitlines()
    assert [line for line in lines if "rows" in line] == ["  38000 rows; columns: name"] * 2
    assert lines[-1].startswith("- c.csv")


def test_a_tool_is_told_how_much_time_is_left(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[ToolContext] = []

    def execute(_: Tool, ctx: ToolContext, __: Mapping[str, Any]) -> ToolOutput:
        given.append(ctx)
        return ToolOutput("ok")

    monkeypatch.setattr(CalculatorTool, "execute", execute)
    call(step_of(principal), "calculator", expression="1")
    assert given[0].timeout_seconds == CalculatorTool.timeout_seconds


def test_a_tool_may_want_a_person_for_every_call(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CalculatorTool, "requires_approval", True)
    ctx = step_of(principal)
    with pytest.raises(StepWaits):
        call(ctx, "calculator", expression="1 + 1")
    with pytest.raises(StepWaits):
        call(next_attempt(ctx), "calculator", expression="1 + 1")
    asked = engine_of(ctx).asked[0]
    assert (asked.requested_by, asked.modifiable) == (AskedBy.TOOL, ("arguments",))
    assert engine_of(ctx).kinds() == ["APPROVAL_REQUESTED"]
    engine_of(ctx).answers[0] = ApprovalAnswer(uuid4(), approved=True, decided_by="user:boss", feedback="go on")
    result = call(next_attempt(ctx), "calculator", expression="1 + 1")
    assert (output_of(result)["result"], result.note) == (2, "The person who agreed said: go on")
    assert call(next_attempt(ctx), "calculator", expression="1 + 1") == result
    assert list(JournalEntry.objects.order_by("position").values_list("kind", flat=True)) == ["approval", "tool"]


def test_a_call_that_may_not_be_made_is_asked_of_nobody(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CalculatorTool, "requires_approval", True)
    ctx = step_of(principal)
    assert code_of(call(ctx, "calculator", expresion="1"))[0] == "TOOL_INPUT_INVALID"
    monkeypatch.setattr(CalculatorTool, "dangerous", True)
    weak = replace(ctx, step_id=uuid4(), principal=replace(principal, scopes=frozenset({"tasks:write"})))
    assert code_of(call(weak, "calculator", expression="1"))[0] == "POLICY_DENIED"
    assert engine_of(ctx).asked == {}


def test_another_question_at_the_same_place_is_a_mismatch(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CalculatorTool, "requires_approval", True)
    ctx = step_of(principal)
    with pytest.raises(StepWaits):
        call(ctx, "calculator", expression="1 + 1")
    with pytest.raises(JournalMismatch):
        call(next_attempt(ctx), "calculator", expression="1 + 2")


def test_a_call_that_began_before_a_person_was_wanted_goes_on(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = step_of(principal)

    def crash(*_: object) -> ToolOutput:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(CalculatorTool, "execute", crash)
        with pytest.raises(Unavailable):
            call(ctx, "calculator", expression="1 + 1")
    monkeypatch.setattr(CalculatorTool, "requires_approval", True)
    assert output_of(call(next_attempt(ctx), "calculator", expression="1 + 1"))["result"] == 2


@pytest.mark.usefixtures("_fake_sandbox")
def test_a_program_of_a_skill_runs_on_the_sessions_files_with_its_input(principal: Principal) -> None:
    ctx = step_of(principal)
    workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id).write("a.csv", b"x\n1\n")
    journal = Journal(ctx)
    given = {"skill": "data-analysis", "script": "profile.py", "input": '{"path": "a.csv"}'}
    assert output_of(call(ctx, "skill_run", journal, **given))["outcome"] == "ok"
    (ran,) = FakeRuntime.requests
    assert (ran.guest, ran.stdin, ran.files) == ("python", b'{"path": "a.csv"}', {"a.csv": b"x\n1\n"})
    assert "Profiles a CSV file" in ran.code
    read = output_of(tool_call(ctx, journal, "skill_read", '{"name": "data-analysis"}'))
    assert read["scripts"] == ["profile.py"]
    for wrong in ({"script": "../SKILL.md"}, {"script": "nope.py"}):
        assert code_of(call(ctx, "skill_run", journal, **given | wrong)) == ("TOOL_INPUT_INVALID", False)
    assert code_of(call(ctx, "skill_run", journal, **given | {"skill": "nope"}))[0] == "SKILL_NOT_FOUND"
