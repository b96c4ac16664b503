"""Which fields of a question policies can look at, told from their text: the others need not be handed over."""

from typing import Any

import pytest

from policy.errors import PolicyFailed
from policy.evaluation import CompiledPolicies, PolicySource, Reads
from policy.types import Action

HEAD = "package shannon.p\nimport rego.v1\n"


def source(body: str, name: str = "p") -> PolicySource:
    return PolicySource(name, 1, HEAD.replace("shannon.p", f"shannon.{name}") + body)


def test_fields_are_told_by_their_names_and_texts_and_comments_are_none() -> None:
    body = """# input is whatever it is
allow contains "input may" if { input.action == "tool.call"; "a" in input.principal.scopes }
deny contains "no" if input.resource.arguments[_].path == `input`
"""

    assert source(body).reads() == Reads(frozenset({"arguments"}), frozenset({"scopes"}))


@pytest.mark.parametrize(
    "expression",
    [
        "input",
        "input.resource",
        'input.resource["name"]',
        'input["resource"].name',
        "some name in input.resource",
        "walk(input, [path, value])",
        'object.get(input.resource, "name", 1)',
        "input . resource . name",
        "count(input.principal) > 1 with input as {}",
        "data.other.input.resource.name",
    ],
)
def test_whatever_else_is_done_with_the_question_may_read_all_of_it(expression: str) -> None:
    assert source(f'deny contains "no" if {{ {expression} }}').reads() is None


def test_an_import_of_a_part_may_read_all_of_it() -> None:
    assert source('import input.resource as asked\ndeny contains "no" if asked.name == 1').reads() is None


def test_policies_together_look_at_what_any_of_them_looks_at() -> None:
    one = source('deny contains "no" if input.resource.a', "one")
    two = source('allow contains "yes" if input.resource.b == input.principal.roles', "two")

    assert CompiledPolicies([one, two]).reads == Reads(frozenset({"a", "b"}), frozenset({"roles"}))
    assert CompiledPolicies([one, source('deny contains "no" if input', "three")]).reads is None


def test_a_set_that_no_policy_defines_is_not_asked_for_and_one_that_is_empty_is() -> None:
    body = 'allow contains "yes" if input.resource.a\nobligations contains {"max_x": 1} if input.resource.b'
    policies = CompiledPolicies([source(body)])

    def found(**resource: Any) -> dict[str, tuple[Any, ...]]:
        return {c.kind: c.values for c in policies.contributions(Action.TOOL_CALL, {"resource": resource})}

    assert found() == {}
    assert found(a=True) == {"allow": ("yes",)}
    assert found(b=True) == {"obligations": ({"max_x": 1},)}


def test_a_policy_that_fails_where_nothing_is_asked_keeps_all_of_its_sets() -> None:
    failing = 'allow contains "ok" if to_number("x") == object.get(input, "n", 1)\ndeny contains "no" if input.stop'
    policies = CompiledPolicies([source(failing)])

    with pytest.raises(PolicyFailed):
        policies.contributions(Action.TOOL_CALL, {"stop": True})
