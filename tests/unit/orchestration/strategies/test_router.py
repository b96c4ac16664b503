"""The router's estimate."""

import pytest

from orchestration.strategies import OFFERED, route


@pytest.mark.parametrize(
    "query",
    [
        "What is 17 % of 2340?",
        "Summarise this paragraph: the cat sat on the mat.",
        "Write a haiku about the sea",
        "What did I ask you last time?",
        "How many words are in notes.txt?",
    ],
)
def test_one_question_goes_to_one_agent(query: str) -> None:
    assert route(query, frozenset(OFFERED)).strategy == "simple"


@pytest.mark.parametrize(
    "query",
    [
        "Compare the five companies' monthly prices: growth, volatility, worst drawdown; who did best for its risk?",
        "First count the rows in a.csv, then compute the mean price, and finally write a report",
        "For each city, find the wettest month",
        "Please do:\n- count the words\n- list the names\n- sort them",
        "Compare Berlin, Paris and Rome",
    ],
)
def test_work_on_several_things_is_decomposed(query: str) -> None:
    chosen = route(query, frozenset(OFFERED))
    assert chosen.strategy == "dag"
    assert chosen.reasons
