"""What a policy is asked is made safe first: arguments of tools come from a model."""

from typing import Any

import pytest

from policy.errors import PolicyFailed
from policy.evaluation import CompiledPolicies, PolicySource
from policy.evaluation.document import DEPTH_MAX, VALUES_MAX, document
from policy.types import Action

NO_RM = """package shannon.no_rm
import rego.v1
deny contains "No rm." if contains(input.command, "rm")
allow contains "Fine." if true
"""


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


def test_a_nul_does_not_hide_what_stands_after_it() -> None:
    policies = CompiledPolicies([PolicySource("no_rm", 1, NO_RM)])
    contributions = policies.contributions(Action.TOOL_CALL, document({"command": "ls\x00 rm -rf"}))
    assert ("no_rm", "deny", ("No rm.",)) in [(c.policy, c.kind, c.values) for c in contributions]


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("a\x00b", "a\ufffdb"),
        ("\ud800", "\ufffd"),
        ("größe 🙂", "größe 🙂"),
        ((1, 2), [1, 2]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (2**63 - 1, 2**63 - 1),
        (2**63, float(2**63)),
        (True, True),
        (None, None),
    ],
)
def test_values_become_plain_json(given: Any, made: Any) -> None:
    assert document({"x": given}) == {"x": made}


@pytest.mark.parametrize(
    "given",
    [
        nested(DEPTH_MAX + 1),
        nested(900),
        {"x": [0] * (VALUES_MAX + 1)},
        {"x": "a" * 1_000_001},
        {"x": float("nan")},
        {"x": float("inf")},
        {"x": 10**400},
        {"x": b"bytes"},
        {"x": object()},
    ],
    ids=["deep", "very deep", "many", "long", "nan", "inf", "huge", "bytes", "object"],
)
def test_what_is_not_bounded_json_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(PolicyFailed):
        document(given)
