"""Programs that call tools: what calls return, what the journal has of them, and how one goes on after a death."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from agents.errors import StepWaits, TaskCancelled
from agents.services import step_usage
from agents.types import ApprovalAnswer
from policy.types import Principal
from sandbox import services as sandbox
from sandbox.program_types import ProgramStretch
from sandbox.services import workspace_open
from shannon_project.foundation.ids import uuid7
from tests.integration.agents.code_mode.programs import _warm_sandbox, entries, lane, policy, run
from tests.integration.agents.steps import engine_of, next_attempt, step_of

__all__ = ["_warm_sandbox", "lane"]


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


def test_a_program_and_its_calls_are_each_counted_once(principal: Principal) -> None:
    ctx = step_of(principal)
    run(ctx, "tools.calculator('1 + 1')\ntools.calculator('2 + 2')")
    assert step_usage(ctx.step_id).tool_calls == 3


def test_arguments_that_are_no_json_are_the_programs_error(principal: Principal, lane: str) -> None:
    ctx = step_of(principal)
    result = run(ctx, "tools.calculator(expression={1, 2})")
    assert result.error is not None
    assert "TypeError" in result.error.message
    assert [entry for entry in entries(ctx) if entry[0] == "tool"] == [("tool", "code")]


@pytest.mark.parametrize("fast", [True, False], ids=["fast lane", "wasmer"])
def test_a_program_that_catches_everything_goes_on_all_the_same(
    principal: Principal, lane: str, settings: Settings, fast: bool
) -> None:
    if not fast:
        settings.SHANNON_SANDBOX_FAST_RUNTIME = ""
    code = "while True:\n    try:\n        x = tools.calculator('2 * 3')['text']\n        break\n"
    code += "    except:\n        pass\nprint(x)"
    assert run(step_of(principal), code).output == {"stdout": "6\n", "calls": 1, "value": None}


def test_what_the_journal_cannot_keep_makes_no_other_call_of_it(principal: Principal, lane: str) -> None:
    code = "tools.file_write('a.txt', 'x\\0y' + chr(0xd800))\nprint(tools.file_read('a.txt')['text'])"
    ctx = step_of(principal)
    first = run(ctx, code)
    assert first.output == {"stdout": "x\ufffdy?\n", "calls": 2, "value": None}
    assert run(next_attempt(ctx), code) == first
