"""Which steps a fork keeps, by what its strategy is said to make without them."""

from collections.abc import Collection, Sequence

import pytest

from orchestration.forking.selection import MadeWithout, Selection, select
from orchestration.models import Step
from orchestration.types import StepKind
from shannon_project.foundation.errors import InvalidInput

LEAD = ("lead", "work-1", "work-2", "message-1", "close", "message-2")


def steps(*keys: str, unfinished: Collection[str] = (), **depends_on: list[str]) -> list[Step]:
    """Return steps in this order, all ended but the unfinished; a name with a number is written with `_`."""
    return [
        Step(
            key=key,
            position=position,
            kind=StepKind.MESSAGE if key.startswith("message") else StepKind.AGENT,
            status="ready" if key in unfinished else "succeeded",
            depends_on=depends_on.get(key.replace("-", "_"), []),
        )
        for position, key in enumerate(keys)
    ]


def makes(*keys: str) -> MadeWithout:
    def made_without(_: Sequence[Step], __: Collection[str]) -> Collection[str]:
        return keys

    return made_without


def parts(selection: Selection) -> tuple[list[str], list[str]]:
    return [step.key for step in selection.copied], [step.key for step in selection.anew]


def test_what_is_not_made_without_the_fork_step_is_left_out_and_what_was_said_from_then_on() -> None:
    selection = select(steps(*LEAD), "work-1", makes("lead", "work-1", "work-2"))
    assert parts(selection) == (["lead", "work-2", "message-1"], ["work-1"])
    assert selection.positions == {"lead": 0, "work-1": 1, "work-2": 2, "message-1": 3}


def test_places_have_no_gaps_where_something_is_left_out_in_between() -> None:
    selection = select(steps("a", "b", "c", "d"), "a", makes("a", "d"))
    assert parts(selection) == (["d"], ["a"])
    assert selection.positions == {"a": 0, "d": 1}


def test_what_depends_on_the_fork_step_or_has_not_ended_is_done_anew() -> None:
    found = steps("a", "b", "c", "d", "e", unfinished=["e"], c=["a"], d=["c"])
    assert parts(select(found, "a", makes("a", "b", "c", "d", "e"))) == (["b"], ["a", "c", "d", "e"])


def test_the_strategy_is_asked_with_all_that_is_done_anew() -> None:
    asked: list[set[str]] = []

    def made_without(_: Sequence[Step], anew: Collection[str]) -> Collection[str]:
        asked.append(set(anew))
        return ["a", "b", "c"]

    select(steps("a", "b", "c", unfinished=["c"], b=["a"]), "a", made_without)
    assert asked == [{"a", "b", "c"}]


def test_where_the_strategy_comes_to_the_step_no_more_all_up_to_it_is_kept() -> None:
    selection = select(steps(*LEAD), "work-2", makes("lead"))
    assert parts(selection) == (["lead", "work-1", "message-1"], ["work-2"])


@pytest.mark.parametrize("key", ["message-1", "nothing"])
def test_a_message_or_a_step_that_is_not_there_is_refused_with_the_steps_that_are(key: str) -> None:
    with pytest.raises(InvalidInput, match="there is no step") as refused:
        select(steps(*LEAD), key, makes(*LEAD))
    assert refused.value.details == {"steps": ["lead", "work-1", "work-2", "close"]}
