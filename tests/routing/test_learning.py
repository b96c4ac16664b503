"""A recorded history, replayed: what learning spares where people say how good answers are, and that it costs none."""

import pytest
from django.conf import settings

from orchestration.strategies import OFFERED, route
from tests.routing.families import COMPARED, checked_requests
from tests.routing.replaying import PastOutcome, People, Totals, history, replayed

NOBODY = People(share=0.0)
EVERYBODY = People(share=1.0)
ERRING = People(share=0.5, errs=0.1)
ROWS = {
    "none": NOBODY,
    "a quarter": People(0.25),
    "half": People(0.5),
    "half, one word in ten wrong": ERRING,
    "all": EVERYBODY,
}
"""Of the table of decision 0053."""


def misleading() -> list[PastOutcome]:
    """The history without its cheapest strategy: what is left that is cheap looks right and is wrong in part of it."""
    return [one for one in history() if one.strategy != "chain_of_thought"]


def test_the_history_holds_every_checked_request_by_every_compared_strategy_and_the_routers_own() -> None:
    recorded = {(one.query, one.strategy) for one in history()}
    for checked in checked_requests():
        found = route(checked.query, frozenset(OFFERED))
        own = found.candidates[0] if found.candidates else found.strategy
        assert {(checked.query, name) for name in (*COMPARED, own)} <= recorded, (
            "record anew, see tests/routing/record.py"
        )


def test_where_people_judge_answers_learning_spares_tokens_and_dollars_and_loses_no_right_answer() -> None:
    found = replayed(history(), EVERYBODY)
    print(found)
    assert found.learned.tokens < 0.5 * found.without.tokens
    assert found.learned.cost_usd < 0.5 * found.without.cost_usd
    assert found.learned.right >= found.without.right
    assert found.changed > 0


@pytest.mark.parametrize("people", [People(0.25), People(0.5), EVERYBODY, ERRING, People(1.0, errs=0.2)])
def test_an_answer_that_is_wrong_and_looks_right_is_not_learned_however_few_say_so_and_however_they_err(
    people: People,
) -> None:
    for outcomes in (history(), misleading()):
        found = replayed(outcomes, people)
        assert found.learned.right >= found.without.right
        assert found.learned.tokens <= found.without.tokens


@pytest.mark.parametrize("outcomes", [history(), misleading()], ids=["whole", "misleading"])
def test_where_nobody_judges_answers_nothing_is_learned(outcomes: list[PastOutcome]) -> None:
    assert replayed(outcomes, NOBODY).changed == 0


def figures(found: Totals) -> str:
    return f"{found.tokens:,.0f}, {found.cost_usd:.4f}, {found.right:.0%}".replace("%", " %")


def test_the_decision_tells_what_the_history_shows() -> None:
    page = (settings.BASE_DIR / "docs" / "decisions" / "0053-people-judge-answers.md").read_text()
    whole, misled = history(), misleading()
    wanted = {"the router alone": (replayed(whole, NOBODY).without, replayed(misled, NOBODY).without)}
    wanted |= {name: (replayed(whole, who).learned, replayed(misled, who).learned) for name, who in ROWS.items()}
    rows = [f"| {name} | {figures(one)} | {figures(other)} |" for name, (one, other) in wanted.items()]
    assert [row for row in rows if row not in page] == [], "\n".join(rows)
