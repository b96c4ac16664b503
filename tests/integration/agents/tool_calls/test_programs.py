"""Programs as tools: on a sandbox that answers what it is told to."""

import time
from dataclasses import replace

import pytest

from agents.journal import Journal
from agents.services import tool_call
from policy.types import Principal
from sandbox.runtimes.fake import FakeRuntime, fake_result
from sandbox.services import workspace_open
from sandbox.types import Outcome
from tests.integration.agents.steps import engine_of, step_of
from tests.integration.agents.tool_calls.calls import _fake_sandbox, call, code_of, output_of

__all__ = ["_fake_sandbox"]  # the fixtures


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
