"""Degradation by what is left: a table, step by step, for requests, for candidates and for nodes of templates."""

import pytest

from orchestration.choosing import Choice, degraded
from orchestration.strategies import OFFERED, STRATEGIES, Means, affordable

TABLE = {
    ("tree_of_thoughts", 19_000): ["chain_of_thought"],
    ("tree_of_thoughts", 3_000): ["chain_of_thought", "simple"],
    ("swarm", 23_000): ["supervisor"],
    ("swarm", 100): ["supervisor", "dag", "simple"],
    ("debate", 9_000): ["reflection"],
    ("debate", 7_000): ["reflection", "simple"],
    ("react", 3_000): ["simple"],
    ("simple", 1): [],
    ("template", 1): [],
}


@pytest.mark.parametrize(("wanted", "passed"), TABLE.items())
def test_a_strategy_degrades_step_by_step_as_far_as_it_must(wanted: tuple[str, int], passed: list[str]) -> None:
    name, _, steps = affordable(STRATEGIES, wanted[0], {}, Means(wanted[1], "task"))
    assert [step.taken for step in steps] == passed
    assert name == (passed[-1] if passed else wanted[0])


@pytest.mark.parametrize("name", sorted(OFFERED))
def test_without_a_limit_or_with_enough_nothing_degrades(name: str) -> None:
    assert affordable(STRATEGIES, name, {"tiers": {"x": "small"}}, None) == (name, {"tiers": {"x": "small"}}, ())
    assert affordable(STRATEGIES, name, {}, Means(1_000_000, "task"))[0] == name


def test_research_goes_less_deep_before_it_is_given_up() -> None:
    given = {"depth": "academic", "citations": False}
    assert affordable(STRATEGIES, "research", given, Means(130_000, "task"))[:2] == (
        "research",
        {**given, "depth": "deep"},
    )
    assert affordable(STRATEGIES, "research", given, Means(20_000, "task"))[:2] == (
        "research",
        {**given, "depth": "quick"},
    )
    name, parameters, steps = affordable(STRATEGIES, "research", given, Means(10_000, "task"))
    assert (name, parameters) == ("dag", {})
    assert [step.parameters.get("depth") for step in steps] == ["deep", "standard", "quick", None]


def test_tiers_go_along_where_the_other_strategy_has_the_part() -> None:
    given = {"tiers": {"lead": "small", "work": "large", "synthesize": "small"}, "max_rounds": 2}
    name, parameters, _ = affordable(STRATEGIES, "supervisor", given, Means(9_000, "task"))
    assert (name, parameters) == ("dag", {"tiers": {"work": "large", "synthesize": "small"}})


def test_candidates_that_cannot_be_paid_are_not_offered_to_the_model() -> None:
    choice = Choice("auto", {"candidates": ["swarm", "dag", "simple"]}, {"strategy": "auto"})
    assert degraded(choice, None) is choice
    fewer = degraded(choice, Means(9_000, "task"))
    assert (fewer.strategy, fewer.parameters) == ("auto", {"candidates": ["dag", "simple"]})
    assert [step.asked for step in fewer.degradations] == ["swarm", "supervisor"]
    alone = degraded(choice, Means(100, "task"))
    assert (alone.strategy, alone.route["strategy"]) == ("simple", "simple")


@pytest.mark.parametrize(
    ("means", "words"),
    [
        (
            Means(9_000, "task"),
            "9,000 tokens are left in the task's budget and debate needs 16,000: reflection instead",
        ),
        (
            Means(9_000, "tenant", "day"),
            "9,000 tokens are left in the tenant's budget of the day and debate needs 16,000: reflection instead",
        ),
        (
            Means(900, "user", "day", "0.0007"),
            "$0.0007, about 900 tokens, are left in the user's budget of the day and react needs 4,000: simple instead",
        ),
    ],
)
def test_a_degradation_says_in_which_budget_too_little_is_left(means: Means, words: str) -> None:
    wanted = "debate" if means.tokens > 1_000 else "react"
    _, _, (step,) = affordable(STRATEGIES, wanted, {}, means)
    assert step.message == words
    assert step.as_json()["budget"] == means.as_json()
