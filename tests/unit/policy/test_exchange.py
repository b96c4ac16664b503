"""What goes into the Rego library comes out the same, and no text breaks out of its quotes."""

import json
from typing import Any

import pytest

from policy.errors import PolicyFailed
from policy.evaluation import CompiledPolicies, PolicySource
from policy.evaluation.document import document
from policy.types import Action

ECHO = "package shannon.echo\nimport rego.v1\nallow contains input.value if true\n"
AWKWARD = [
    '"',
    "\\",
    '\\"',
    "a\nb\r\tc",
    "\x01\x1f\x7f",
    "größe 🙂 \u2028",
    '"],[]]],"x":[[["',
    "]" * 50,
    "\\u0041",
    "",
    " ",
]


def ask(rego: str, value: Any, *, name: str = "echo") -> list[tuple[str, str, tuple[Any, ...]]]:
    policies = CompiledPolicies([PolicySource(name, 1, rego)])
    contributions = policies.contributions(Action.TOOL_CALL, document({"value": value}))
    return [(c.policy, c.kind, c.values) for c in contributions]


@pytest.mark.parametrize("text", AWKWARD)
def test_a_text_comes_out_as_it_went_in(text: str) -> None:
    assert ask(ECHO, text) == [("echo", "allow", (text,))]


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        2**63 - 1,
        -(2**63),
        0.5,
        -1e300,
        True,
        False,
        None,
        [],
        {},
        [[], {}, [1, ["x"]]],
        {"a": [{"b": 1}], 'k"\n\\': {"": 2}},
        "x" * 100_000,
        list(range(2_000)),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_value_comes_out_as_it_went_in(value: Any) -> None:
    assert ask(ECHO, value) == [("echo", "allow", (value,))]


@pytest.mark.parametrize("text", AWKWARD)
def test_a_rule_that_compares_with_an_awkward_text_fires(text: str) -> None:
    literal = json.dumps(text, ensure_ascii=False)
    rego = f'package shannon.echo\nimport rego.v1\ndeny contains "Same." if input.value == {literal}\n'
    assert ask(rego, text) == [("echo", "deny", ("Same.",))]
    assert ask(rego, text + "x") == []


@pytest.mark.parametrize(
    "cut", ["input.value", "substring(input.value, 0, 10)", "upper(input.value)", 'trim(input.value, "x")']
)
@pytest.mark.parametrize("text", [*AWKWARD, 'a"],[]],[["x', 'aaaaaaaaa\\"],[]],[["x', 'aaaaaaaaa"],[]],[["x'])
def test_no_text_of_a_model_can_remove_a_denial(cut: str, text: str) -> None:
    loud = f'package shannon.a_loud\nimport rego.v1\nallow contains sprintf("Allowed %v", [{cut}]) if true\n'
    strict = 'package shannon.b_strict\nimport rego.v1\ndeny contains "Never." if true\n'
    policies = CompiledPolicies([PolicySource("a_loud", 1, loud), PolicySource("b_strict", 1, strict)])
    try:
        found = policies.contributions(Action.TOOL_CALL, document({"value": text}))
    except PolicyFailed:
        return  # also a denial
    assert ("b_strict", "deny", ("Never.",)) in [(c.policy, c.kind, c.values) for c in found]
