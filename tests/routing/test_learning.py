"""A recorded history, replayed: learning spares tokens without costing right answers, and where it is blind."""

from orchestration.strategies import OFFERED, route
from tests.routing.families import COMPARED, checked_requests
from tests.routing.replaying import history, replayed


def test_the_history_holds_every_checked_request_by_every_compared_strategy_and_the_routers_own() -> None:
    recorded = {(one.query, one.strategy) for one in history()}
    for checked in checked_requests():
        found = route(checked.query, frozenset(OFFERED))
        own = found.candidates[0] if found.candidates else found.strategy
        assert {(checked.query, name) for name in (*COMPARED, own)} <= recorded, (
            "record anew, see tests/routing/record.py"
        )


def test_what_was_learned_from_other_requests_spares_tokens_and_loses_no_right_answer() -> None:
    found = replayed(history())
    print(found)
    assert found.learned.tokens < 0.5 * found.without.tokens
    assert found.learned.right >= found.without.right
    assert found.learned.score >= found.without.score
    assert found.changed > 0


def test_an_answer_that_is_wrong_and_looks_right_teaches_the_wrong_thing_so_learning_is_off_by_default() -> None:
    blind = replayed([one for one in history() if one.strategy != "chain_of_thought"])
    print(blind)
    assert blind.learned.tokens < blind.without.tokens
    assert blind.learned.right < blind.without.right, "the score sees no wrong answer that came without an error"
