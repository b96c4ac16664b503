"""What a program may not do, and where it ends."""

from dataclasses import replace

import pytest
from pytest_django.fixtures import Settings

from policy.types import Principal
from tests.integration.agents.code_mode.programs import _warm_sandbox, entries, lane, policy, run
from tests.integration.agents.steps import step_of

__all__ = ["_warm_sandbox", "lane"]


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
