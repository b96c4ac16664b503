"""The shipped policies, asked without a database."""

from collections.abc import Iterable
from typing import Any

import pytest

from policy.evaluation import CompiledPolicies, PolicySource, combine
from policy.evaluation.document import document
from policy.services.policies import REGO_DIR
from policy.types import Action, Decision, Verdict

TOOL = {"name": "python", "known": True, "dangerous": False, "arguments": {"code": "print(1)"}}
MODEL = {"model": "openai/gpt-5-mini", "provider": "openai", "tier": "small", "purpose": "agent"}


@pytest.fixture(scope="module")
def shipped() -> CompiledPolicies:
    paths = sorted(REGO_DIR.glob("*.rego"))
    return CompiledPolicies([PolicySource(path.stem, 1, path.read_text(encoding="utf-8")) for path in paths])


def ask(policies: CompiledPolicies, action: Action, scopes: Iterable[str], resource: dict[str, Any]) -> Decision:
    principal = {"tenant_id": "t", "actor": "key:k", "user_id": "u", "scopes": sorted(scopes), "roles": []}
    question = document({"action": action.value, "principal": principal, "resource": resource})
    return combine(policies.contributions(action, question), policies.versions_for(action))


@pytest.mark.parametrize(
    ("action", "scopes", "resource", "verdict", "rule"),
    [
        (Action.TASK_SUBMIT, {"tasks:write"}, {}, Verdict.ALLOW, "task_submit.allow"),
        (Action.TASK_SUBMIT, {"admin"}, {}, Verdict.ALLOW, "task_submit.allow"),
        (Action.TASK_SUBMIT, {"tasks:read"}, {}, Verdict.DENY, "task_submit.deny"),
        (Action.TASK_SUBMIT, {"tools:execute"}, {"strategy": "tool"}, Verdict.ALLOW, "task_submit.allow"),
        (Action.TASK_SUBMIT, {"tools:execute"}, {"strategy": "dag"}, Verdict.DENY, "task_submit.deny"),
        (Action.TASK_SUBMIT, set(), {}, Verdict.DENY, "task_submit.deny"),
        (Action.MODEL_CALL, {"tasks:write"}, MODEL, Verdict.ALLOW, "model_call.allow"),
        (Action.MODEL_CALL, {"tasks:write"}, {}, Verdict.DENY, "model_call.deny"),
        (Action.MODEL_CALL, {"tools:execute"}, MODEL, Verdict.DENY, "model_call.deny"),
        (Action.TOOL_CALL, {"tools:execute"}, TOOL, Verdict.ALLOW, "tool_call.allow"),
        (Action.TOOL_CALL, {"tasks:write"}, TOOL, Verdict.ALLOW, "tool_call.allow"),
        (Action.TOOL_CALL, {"tools:read"}, TOOL, Verdict.DENY, "tool_call.deny"),
        (Action.TOOL_CALL, {"tools:execute"}, TOOL | {"known": False}, Verdict.DENY, "tool_call.deny"),
        (Action.TOOL_CALL, {"admin"}, TOOL | {"known": False}, Verdict.DENY, "tool_call.deny"),
        (Action.TOOL_CALL, {"tools:execute"}, {"name": "python", "dangerous": False}, Verdict.DENY, "tool_call.deny"),
        (Action.TOOL_CALL, {"tools:execute"}, TOOL | {"dangerous": True}, Verdict.DENY, "tool_call.deny"),
        (Action.TOOL_CALL, {"tools:execute"}, {"name": "python", "known": True}, Verdict.DENY, "tool_call.deny"),
        (Action.TOOL_CALL, {"tools:dangerous"}, TOOL | {"dangerous": True}, Verdict.DENY, "tool_call.deny"),
        (
            Action.TOOL_CALL,
            {"tools:execute", "tools:dangerous"},
            TOOL | {"dangerous": True},
            Verdict.ALLOW,
            "tool_call.allow",
        ),
    ],
)
def test_default_policies_decide_by_scope_and_resource(
    shipped: CompiledPolicies, action: Action, scopes: set[str], resource: dict[str, Any], verdict: Verdict, rule: str
) -> None:
    decision = ask(shipped, action, scopes, resource)
    assert (decision.verdict, decision.rule) == (verdict, rule)
    assert decision.reason
    assert decision.policy_versions == {rule.split(".", maxsplit=1)[0]: 1}


def test_an_allow_brings_its_limits(shipped: CompiledPolicies) -> None:
    assert ask(shipped, Action.TASK_SUBMIT, {"tasks:write"}, {}).obligations == {"max_concurrent_agents": 20}
    assert ask(shipped, Action.MODEL_CALL, {"tasks:write"}, MODEL).obligations == {"max_output_tokens": 16384}


def test_a_denial_brings_no_limits(shipped: CompiledPolicies) -> None:
    assert ask(shipped, Action.TASK_SUBMIT, set(), {}).obligations == {}


def test_a_list_of_allowed_models_refuses_the_others() -> None:
    rego = (REGO_DIR / "model_call.rego").read_text(encoding="utf-8")
    only_openai = rego.replace('allowed_models := {"*"}', 'allowed_models := {"openai/*"}')
    policies = CompiledPolicies([PolicySource("model_call", 2, only_openai)])
    assert ask(policies, Action.MODEL_CALL, {"tasks:write"}, MODEL).is_allowed
    refused = ask(policies, Action.MODEL_CALL, {"tasks:write"}, MODEL | {"model": "mistral/large"})
    assert refused.verdict is Verdict.DENY
    assert "mistral/large" in refused.reason


def test_a_blocked_tool_is_refused_even_to_an_admin() -> None:
    rego = (REGO_DIR / "tool_call.rego").read_text(encoding="utf-8")
    blocking = rego.replace("blocked_tools := set()", 'blocked_tools := {"python"}')
    policies = CompiledPolicies([PolicySource("tool_call", 2, blocking)])
    assert ask(policies, Action.TOOL_CALL, {"admin"}, TOOL).reason == "This tool is blocked."
    assert ask(policies, Action.TOOL_CALL, {"admin"}, TOOL | {"name": "calculator"}).is_allowed
