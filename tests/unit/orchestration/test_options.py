"""Options work or are refused by name."""

from typing import Any

import pytest

from orchestration.errors import UnsupportedOption
from orchestration.options import STRATEGY_OF_MODE, context_check, mode_check, model_check
from orchestration.strategies import OFFERED
from orchestration.types import TaskRequest
from shannon_project.foundation.errors import InvalidInput


@pytest.mark.parametrize("mode", ["", "simple", "standard", "complex", "supervisor", *OFFERED])
def test_known_modes_pass(mode: str) -> None:
    mode_check(mode)


def test_every_offered_strategy_has_a_mode_of_its_own_name() -> None:
    assert {name: STRATEGY_OF_MODE[name] for name in OFFERED} == {name: name for name in OFFERED}
    assert set(STRATEGY_OF_MODE.values()) == set(OFFERED)


def test_an_unknown_mode_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="simple"):
        mode_check("fast")


def test_a_steering_key_without_effect_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedOption, match="force_p2p"):
        context_check({"force_p2p": True, "note": "mine"})


def test_a_steering_key_that_is_switched_off_passes() -> None:
    assert context_check({"force_p2p": False, "note": "mine"}).task.tokens is None


def test_the_context_may_set_the_tasks_budget() -> None:
    assert context_check({"budget_max": 5000}).task.tokens == 5000


@pytest.mark.parametrize("value", [0, -1, "many", 1.5, True, 10**24])
def test_a_budget_that_is_no_number_of_tokens_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match="budget_max"):
        context_check({"budget_max": value})


def test_an_unknown_tier_and_a_provider_override_are_refused() -> None:
    with pytest.raises(InvalidInput, match="model_tier"):
        model_check(TaskRequest(query="x", model_tier="huge"))
    with pytest.raises(UnsupportedOption, match="provider_override"):
        model_check(TaskRequest(query="x", provider_override="openai"))
