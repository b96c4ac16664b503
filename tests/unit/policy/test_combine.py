"""How contributions become a decision."""

from itertools import permutations
from typing import Any

import pytest

from policy.errors import PolicyFailed
from policy.evaluation import Contribution, combine
from policy.types import Verdict

ALLOW = Contribution("a", "allow", ("fine",))
DENY = Contribution("b", "deny", ("never",))
APPROVE = Contribution("c", "require_approval", ("ask someone",))


def obligations(policy: str, *values: Any) -> Contribution:
    return Contribution(policy, "obligations", values)


def test_a_denial_wins_over_everything_in_any_order() -> None:
    for order in permutations([ALLOW, DENY, APPROVE]):
        decision = combine(order, {"a": 1})
        assert (decision.verdict, decision.rule, decision.reason) == (Verdict.DENY, "b.deny", "never")


def test_a_wish_for_approval_wins_over_an_allow() -> None:
    assert combine([ALLOW, APPROVE], {}).verdict is Verdict.REQUIRE_APPROVAL


@pytest.mark.parametrize("contributions", [[], [Contribution("a", "allow", ())], [obligations("a", {"max": 1})]])
def test_without_an_allow_it_is_a_denial(contributions: list[Contribution]) -> None:
    decision = combine(contributions, {})
    assert (decision.verdict, decision.rule) == (Verdict.DENY, "default.deny")


def test_several_denials_are_all_told_and_the_first_by_name_is_the_rule() -> None:
    others = [Contribution("z", "deny", ("no money",)), Contribution("b", "deny", ("no scope", "no way"))]
    decision = combine(others, {})
    assert (decision.rule, decision.reason) == ("b.deny", "no scope no way no money")


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        ({"max_output_tokens": 100}, {"max_output_tokens": 50}, {"max_output_tokens": 50}),
        ({"redact": False}, {"redact": True}, {"redact": True}),
        ({"models": ["a", "b"]}, {"models": ["b", "c"]}, {"models": ["b"]}),
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"region": "eu"}, {"region": "eu"}, {"region": "eu"}),
    ],
)
def test_the_tightest_obligation_holds(one: dict[str, Any], other: dict[str, Any], merged: dict[str, Any]) -> None:
    assert combine([ALLOW, obligations("a", one), obligations("b", other)], {}).obligations == merged
    assert combine([ALLOW, obligations("b", other), obligations("a", one)], {}).obligations == merged


@pytest.mark.parametrize(
    "wrong",
    [
        [ALLOW, obligations("a", {"region": "eu"}), obligations("b", {"region": "us"})],
        [ALLOW, obligations("a", {"max": True}), obligations("b", {"max": 3})],
        [ALLOW, obligations("a", 3)],
        [Contribution("a", "allow", ({"reason": "an object"},))],
    ],
)
def test_what_cannot_be_combined_is_a_failure(wrong: list[Contribution]) -> None:
    with pytest.raises(PolicyFailed):
        combine(wrong, {})


@pytest.mark.parametrize("name", ["max_output_tokens", "max_concurrent_agents"])
@pytest.mark.parametrize("value", ["many", "12", None, True, [3], {"n": 3}, 0, -1, float("nan"), float("inf"), 2**40])
def test_a_limit_that_nobody_can_count_with_is_a_failure_that_names_it(name: str, value: Any) -> None:
    with pytest.raises(PolicyFailed, match=f"a.obligations: {name} must be a number"):
        combine([ALLOW, obligations("a", {name: value})], {})
