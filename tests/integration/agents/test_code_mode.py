"""Programs of the model that call tools: what they may, what is recorded, and where they stop."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from agents.errors import StepWaits, TaskCancelled
from agents.journal import Journal
from agents.models import JournalEntry
from agents.services import step_usage, tool_call
from agents.types import ApprovalAnswer, ToolResult
from policy.services import policies_forget, policy_save
from policy.types import Principal
from sandbox import services as sandbox
from sandbox.program_types import ProgramStretch
from sandbox.services import workspace_open
from shannon_project.foundation.ids import uuid7
from tests.integration.agents.steps import engine_of, next_attempt, step_of

OFFERED = ("code", "calculator", "file_write", "file_read", "python")
LANES = ["sandbox.runtimes.monty.MontyRuntime", ""]


@pytest.fixture(params=LANES, ids=["monty", "cpython"])
def lane(request: pytest.FixtureRequest, settings: Settings) -> str:
    """Where programs run: the same must come of them."""
    settings.SHANNON_SANDBOX_PROGRAM_RUNTIME = request.param
    return str(request.param)


@pytest.fixture(autouse=True, scope="module")
def _warm_sandbox() -> Iterator[None]:
    """Compile before a transaction is open."""
    sandbox.warm(wait_for_fast_lane=True)
    yield
    sandbox.shutdown()


def run(ctx: Any, code: str, **more: Any) -> ToolResult:
    return tool_call(ctx, Journal(ctx), "code", json.dumps({"code": code}), offered=more.get("offered", OFFERED))


def policy(principal: Principal, verdict: str, condition: str) -> None:
    """Make a policy of the tenant about tool calls."""
    rego = 'package tenant.programs\nimport rego.v1\nactions := {"tool.call"}\n'
    rego += f'{verdict} contains "A rule." if {{ {condition} }}\n'
    policy_save(name="programs", rego=rego, tenant_id=principal.tenant_id)
    policies_forget()


def entries(ctx: Any) -> list[tuple[str, str]]:
    rows = JournalEntry.objects.filter(step_id=ctx.step_id).order_by("position")
    return [(row.kind, row.key) for row in rows]


def test_a_program_works_with_what_its_calls_return(principal: Principal, lane: str) -> None:
    ctx = step_of(principal)
    code = """
values = [tools.calculator(expression=f"{n} * {n}")["result"] for n in range(4)]
tools.file_write("squares.txt", ", ".join(str(value) for value in values))
print("sum", sum(values))
{"values": values}
"""
    result = run(ctx, code)
    assert result.output == {"stdout": "sum 14\n", "calls": 5, "value": {"values": [0, 1, 4, 9]}}
    assert result.calls == 5
    workspace = workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    assert workspace.read("squares.txt") == b"0, 1, 4, 9"


def test_each_call_has_its_own_entry_and_events(principal: Principal, lane: str) -> None:
    ctx = step_of(principal)
    run(ctx, 'tools.calculator("1 + 1")\ntools.calculator(expression="2 + 2")')
    effects = [entry for entry in entries(ctx) if entry[0] != "program"]
    assert effects == [("tool", "code"), ("tool", "calculator"), ("tool", "calculator")]
    kinds = [(event.kind, (event.payload or {}).get("tool")) for event in engine_of(ctx).events]
    assert kinds == [
        ("TOOL_INVOKED", "code"),
        ("TOOL_INVOKED", "calculator"),
        ("TOOL_OBSERVATION", "calculator"),
        ("TOOL_INVOKED", "calculator"),
        ("TOOL_OBSERVATION", "calculator"),
        ("TOOL_OBSERVATION", "code"),
    ]


def test_run_again_it_asks_for_nothing_twice(principal: Principal, lane: str, monkeypatch: Any) -> None:
    ctx = step_of(principal)
    code = 'import random, time\nprint(tools.calculator("6 * 7")["text"], random.random(), time.time())'
    first = run(ctx, code)
    before = entries(ctx)
    monkeypatch.setattr("agents.tools.code.driving.program_run", lambda stretch: pytest.fail("it ran again"))
    again = run(next_attempt(ctx), code)
    assert again == first
    assert entries(ctx) == before


def test_cut_off_in_the_middle_it_goes_on_from_where_it_stood(
    principal: Principal, lane: str, monkeypatch: Any
) -> None:
    ctx = step_of(principal)
    code = 'print("a")\nx = tools.calculator("1 + 1")["result"]\nprint("b")\ny = tools.calculator("2 + 2")["result"]\n'
    code += 'print("c")\nz = tools.calculator("3 + 3")["result"]\nprint(x + y + z)'
    stretches: list[ProgramStretch] = []
    real = sandbox.program_run

    def cut_off(stretch: ProgramStretch) -> Any:
        stretches.append(stretch)
        if len(stretches) == 3:
            raise TaskCancelled  # as a worker that loses its step
        return real(stretch)

    monkeypatch.setattr("agents.tools.code.driving.program_run", cut_off)
    with pytest.raises(TaskCancelled):
        run(ctx, code)
    result = run(next_attempt(ctx), code)
    assert result.output == {"stdout": "a\nb\nc\n12\n", "calls": 3, "value": None}
    assert [len(stretch.answers) for stretch in stretches] == [0, 1, 2, 2, 3]
    assert bool(stretches[3].state) is bool(lane)  # what can be dumped goes on, what cannot begins again
    assert sum(entry == ("tool", "calculator") for entry in entries(ctx)) == 3


def test_an_interpreter_too_large_to_keep_begins_again(
    principal: Principal, settings: Settings, monkeypatch: Any
) -> None:
    settings.SHANNON_CODE_STATE_MAX_BYTES = 10
    ctx = step_of(principal)
    code = 'print("a")\ntools.calculator("1 + 1")\nprint("b")\ntools.calculator("2 + 2")\nprint("c")'
    real, stretches = sandbox.program_run, []

    def cut_off(stretch: ProgramStretch) -> Any:
        stretches.append(stretch)
        if len(stretches) == 3:
            raise TaskCancelled
        return real(stretch)

    monkeypatch.setattr("agents.tools.code.driving.program_run", cut_off)
    with pytest.raises(TaskCancelled):
        run(ctx, code)
    result = run(next_attempt(ctx), code)
    assert stretches[3].state == b""
    assert run(next_attempt(next_attempt(ctx)), code) == result
    assert result.output == {"stdout": "a\nb\nc\n", "calls": 2, "value": None}


@pytest.mark.parametrize(
    "code",
    [
        "import statistics\nx = tools.calculator('2 * 3')['result']\nprint(statistics.mean([x, 8]))",
        "x = tools.calculator('2 * 3')['result']\nimport statistics\nprint(statistics.mean([x, 8]))",
        "def numbers():\n    yield tools.calculator('2 * 3')['result']\n    yield 8\nprint(sum(numbers()) // 2)",
    ],
    ids=["at its beginning", "in its middle", "for its syntax"],
)
def test_what_the_subset_cannot_run_goes_to_cpython_with_its_answers(principal: Principal, code: str) -> None:
    ctx = step_of(principal)
    result = run(ctx, code)
    assert result.output == {"stdout": "7\n", "calls": 1, "value": None}
    assert sum(entry == ("tool", "calculator") for entry in entries(ctx)) == 1


def test_a_failed_call_is_an_error_that_the_program_may_catch(principal: Principal, lane: str) -> None:
    code = "try:\n    tools.calculator('1 / 0')\nexcept RuntimeError as error:\n    print('caught', str(error)[:18])"
    assert run(step_of(principal), code).output == {"stdout": "caught TOOL_INPUT_INVALID\n", "calls": 1, "value": None}


def test_an_error_of_the_program_is_shown_with_its_line(principal: Principal, lane: str) -> None:
    result = run(step_of(principal), "print('so far')\nx = {}\nx['nothing']")
    assert result.error is not None
    assert result.error.code == "PROGRAM_FAILED"
    assert 'File "program.py", line 3' in result.error.message
    assert "KeyError: 'nothing'" in result.error.message
    assert result.error.details == {"stdout": "so far\n", "calls": 0}


@pytest.mark.parametrize("code", ["tools.http_fetch(url='http://x.example')", "tools.code(code='1')"])
def test_only_what_the_agent_was_offered_can_be_called(principal: Principal, lane: str, code: str) -> None:
    ctx = step_of(principal)
    result = run(ctx, code)
    assert result.error is not None
    assert result.error.code == "PROGRAM_FAILED"
    assert entries(ctx)[0] == ("tool", "code")
    assert [entry for entry in entries(ctx) if entry[0] == "tool"] == [("tool", "code")]


def test_a_program_cannot_reach_past_its_tools(principal: Principal) -> None:
    for code in ("_tool_call('http_fetch', [], {'url': 'http://x.example'})", "_tool_call('code', [], {'code': '1'})"):
        ctx = step_of(principal)
        result = run(ctx, code)
        assert result.error is not None
        assert [entry for entry in entries(ctx) if entry[0] == "tool"] == [("tool", "code")]


def test_a_policy_denies_one_call_and_not_the_program(principal: Principal, lane: str) -> None:
    policy(principal, "deny", 'input.resource.arguments.expression == "2 + 2"')
    code = "print(tools.calculator('1 + 1')['text'])\ntry:\n    tools.calculator('2 + 2')\n"
    code += "except RuntimeError as error:\n    print(str(error)[:13])"
    assert run(step_of(principal), code).output == {"stdout": "2\nPOLICY_DENIED\n", "calls": 2, "value": None}


def test_a_call_that_needs_a_person_waits_and_the_program_goes_on_after_it(principal: Principal, lane: str) -> None:
    policy(principal, "require_approval", 'input.resource.name == "file_write"')
    ctx = step_of(principal)
    code = (
        "x = tools.calculator('20 + 1')['text']\ntools.file_write('a.txt', x)\nprint(tools.file_read('a.txt')['text'])"
    )
    with pytest.raises(StepWaits):
        run(ctx, code)
    engine = engine_of(ctx)
    (position,) = engine.asked
    engine.answers[position] = ApprovalAnswer(approval_id=uuid7(), approved=True, decided_by="user:boss")
    result = run(next_attempt(ctx), code)
    assert result.ok, result.error
    assert sum(entry == ("tool", "calculator") for entry in entries(ctx)) == 1


def test_too_many_calls_end_the_program(principal: Principal, lane: str, settings: Settings) -> None:
    settings.SHANNON_CODE_CALLS_MAX = 3
    result = run(step_of(principal), "while True:\n    tools.calculator('1 + 1')")
    assert result.error is not None
    assert (result.error.code, result.calls) == ("CODE_CALLS_EXCEEDED", 3)


@pytest.mark.parametrize("call", ["tools.calculator(1, 2, 3, 4, 5)", "tools.calculator(expression=1, nope=2)"])
def test_refused_calls_count_too_so_that_no_program_goes_on_for_ever(
    principal: Principal, settings: Settings, call: str
) -> None:
    settings.SHANNON_CODE_CALLS_MAX = 5
    code = f"while True:\n    try:\n        {call}\n    except RuntimeError:\n        pass"
    result = run(step_of(principal), code)
    assert result.error is not None
    assert result.error.code == "CODE_CALLS_EXCEEDED"


def test_a_program_of_many_stretches_ends_when_its_time_is_over(principal: Principal, settings: Settings) -> None:
    settings.SHANNON_CODE_SECONDS = 0.000_001
    result = run(step_of(principal), "while True:\n    tools.calculator('1 + 1')")
    assert result.error is not None
    assert result.error.code == "SANDBOX_TIMEOUT"
    assert result.calls <= 1


def test_a_call_that_is_too_large_for_the_journal_ends_the_program(principal: Principal, lane: str) -> None:
    ctx = step_of(principal)
    result = run(ctx, "tools.calculator(expression='1' * 2_000_000)")
    assert result.error is not None
    assert result.error.code == "CODE_VALUE_TOO_LARGE"
    assert [entry for entry in entries(ctx) if entry[0] == "tool"] == [("tool", "code")]


def test_a_program_and_its_calls_are_each_counted_once(principal: Principal) -> None:
    ctx = step_of(principal)
    run(ctx, "tools.calculator('1 + 1')\ntools.calculator('2 + 2')")
    assert step_usage(ctx.step_id).tool_calls == 3


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("while True:\n    pass", "SANDBOX_TIMEOUT"),
        ("x = []\nwhile True:\n    x.append('a' * 10_000_000)", "SANDBOX_MEMORY_EXCEEDED"),
        ("while True:\n    print('a' * 1000)", "SANDBOX_OUTPUT_EXCEEDED"),
        ("print('x' * 2_000_000)", "SANDBOX_OUTPUT_EXCEEDED"),
    ],
    ids=["time", "memory", "output without end", "output at once"],
)
def test_a_limit_that_is_hit_is_named(
    principal: Principal, lane: str, settings: Settings, code: str, error: str
) -> None:
    settings.SHANNON_CODE_SECONDS = 8.0 if error != "SANDBOX_TIMEOUT" else 1.5
    result = run(step_of(principal), code)
    assert result.error is not None
    by_time = {"SANDBOX_TIMEOUT", "SANDBOX_CPU_EXCEEDED"} if "while" in code else set()  # whichever comes first
    assert result.error.code in {error} | by_time


def test_arguments_that_are_no_json_are_the_programs_error(principal: Principal, lane: str) -> None:
    ctx = step_of(principal)
    result = run(ctx, "tools.calculator(expression={1, 2})")
    assert result.error is not None
    assert "TypeError" in result.error.message
    assert [entry for entry in entries(ctx) if entry[0] == "tool"] == [("tool", "code")]


def test_a_program_has_no_files_no_environment_and_no_network(principal: Principal) -> None:
    for code in (
        "open('/etc/passwd').read()",
        "import os\nprint(os.environ['PATH'])",
        "import socket\nsocket.create_connection(('127.0.0.1', 80))",
    ):
        result = run(step_of(principal), code)
        assert result.error is not None, code
        assert result.error.code == "PROGRAM_FAILED"


def test_programs_of_two_tenants_share_nothing(principal: Principal, stranger: Principal) -> None:
    run(step_of(principal), "secret = 'of acme'\ntools.calculator('1 + 1')")
    result = run(step_of(stranger), "print(secret)")
    assert result.error is not None
    assert "NameError" in result.error.message


def test_a_denied_program_does_not_begin(principal: Principal) -> None:
    unable = replace(principal, scopes=frozenset())
    result = run(step_of(unable), "1")
    assert result.error is not None
    assert result.error.code == "POLICY_DENIED"
