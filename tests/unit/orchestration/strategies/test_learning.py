"""What outcomes teach the router: nothing without evidence, and then the better strategy, or the cheaper of equals."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from orchestration.strategies import OFFERED, Record, Route, lesson_of, outcome_score, route

KNOWN = frozenset(OFFERED)
QUERY = "Count the words in 'a b', and then work out 2 + 3"


def record(strategy: str, runs: int, score: float, tokens: float, judged: int = 3) -> Record:
    return Record(strategy, runs, score, tokens, cost_usd=0.01, seconds=1.0, judged=judged)


@pytest.fixture
def routed() -> Route:
    found = route(QUERY, KNOWN)
    assert found.strategy == "dag"
    return found


def test_without_enough_runs_of_both_nothing_is_learned(routed: Route) -> None:
    assert lesson_of(routed, [], KNOWN) is None
    assert lesson_of(routed, [record("simple", 50, 1.0, 1)], KNOWN) is None
    assert lesson_of(routed, [record("dag", 4, 0.0, 9_000), record("simple", 50, 1.0, 1)], KNOWN) is None
    assert lesson_of(routed, [record("dag", 50, 0.0, 9_000), record("simple", 4, 1.0, 1)], KNOWN) is None


def test_a_clearly_better_score_decides_whatever_it_costs(routed: Route) -> None:
    records = [record("dag", 9, 0.7, 2_000), record("supervisor", 6, 0.9, 20_000), record("simple", 9, 0.7, 500)]
    lesson = lesson_of(routed, records, KNOWN)
    assert lesson is not None
    assert (lesson.strategy, lesson.instead_of) == ("supervisor", "dag")
    assert "0.90 with 20,000 tokens in 6 runs" in lesson.reason


def test_of_equals_the_clearly_cheaper_one_is_taken(routed: Route) -> None:
    lesson = lesson_of(routed, [record("dag", 9, 1.0, 6_000), record("simple", 9, 1.0, 2_000)], KNOWN)
    assert lesson is not None
    assert lesson.strategy == "simple"
    assert lesson_of(routed, [record("dag", 9, 1.0, 6_000), record("simple", 9, 1.0, 5_500)], KNOWN) is None
    assert lesson_of(routed, [record("dag", 9, 1.0, 6_000), record("simple", 9, 0.9, 500)], KNOWN) is None
    dearer = replace(record("simple", 9, 1.0, 2_000), cost_usd=0.02)
    assert lesson_of(routed, [record("dag", 9, 1.0, 6_000), dearer], KNOWN) is None, "fewer tokens of a dearer model"


@pytest.mark.parametrize("score", [0.2, 1.0])
def test_a_strategy_of_whose_answers_people_said_little_is_not_taken_however_well_it_looks(
    routed: Route, score: float
) -> None:
    own = record("dag", 9, score, 6_000, judged=9)
    assert lesson_of(routed, [own, record("simple", 50, 1.0, 500, judged=2)], KNOWN) is None
    assert lesson_of(routed, [own, record("simple", 50, 1.0, 500, judged=3)], KNOWN) is not None


def test_only_what_may_be_chosen_is_learned(routed: Route) -> None:
    records = [record("dag", 9, 0.5, 6_000), record("template", 9, 1.0, 1_000)]
    assert lesson_of(routed, records, KNOWN - {"template"}) is None


@pytest.mark.parametrize(
    ("completed", "metadata", "error", "score"),
    [
        (True, {}, None, 1.0),
        (False, {}, {"code": "SUBTASKS_FAILED"}, 0.0),
        (False, {}, {"code": "POLICY_DENIED"}, None),
        (False, {}, {"code": "TASK_CANCELLED"}, None),
        (True, {"scores": [0.4, 0.9], "chosen_draft": 1}, None, 0.9),
        (True, {"stopped": "limit"}, None, 0.5),
        (True, {"failed_subtasks": [{"id": "s1"}]}, None, 0.5),
        (True, {"claims": [{"verdict": "supported"}, {"verdict": "insufficient"}]}, None, 0.5),
    ],
)
def test_an_outcome_is_scored_by_what_the_strategy_itself_says(
    completed: bool, metadata: Mapping[str, Any], error: Mapping[str, Any] | None, score: float | None
) -> None:
    assert outcome_score(completed=completed, metadata=metadata, error=error) == score


def test_requests_that_look_alike_share_a_cluster_and_others_do_not() -> None:
    def cluster(query: str) -> str:
        return route(query, KNOWN).cluster

    assert cluster(QUERY) == cluster("Count the letters in 'x y', and then work out 7 * 9")
    assert cluster(QUERY) != cluster("What is 2 + 3?")
    assert cluster("What is the mean of prices.csv?") != cluster("What is the mean of prices?")
    assert len(cluster("compare; then debate; research " * 300)) <= 200


def test_what_needs_files_pages_or_programs_speaks_against_strategies_without_tools() -> None:
    puzzle = route("Think step by step and deduce who is lying", KNOWN)
    assert puzzle.strategy == "chain_of_thought"
    with_file = route("Think step by step and deduce who is lying from statements.csv", KNOWN)
    assert with_file.scores["chain_of_thought"] < puzzle.scores["chain_of_thought"]
    assert with_file.estimate.needs == ("data",)
    assert route("Look at https://example.org/a and sum it up", KNOWN).estimate.needs == ("web",)


def test_files_of_the_session_speak_against_strategies_without_tools_and_change_no_cluster() -> None:
    query = "Debate whether we should raise our prices"
    words, files = route(query, KNOWN), route(query, KNOWN, has_files=True)
    assert words.strategy == "debate"
    assert (files.strategy, files.is_unsure, files.candidates) == ("simple", True, ("simple", "debate"))
    assert files.estimate.needs == ("files",)
    assert files.cluster == words.cluster
