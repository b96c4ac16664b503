"""Teams: a lead that plans again with what it read, limits that hold for one decision, and what failed is told."""

from collections.abc import Sequence
from typing import Any

import pytest

from orchestration.strategies import STRATEGIES, Finish, Spawn
from orchestration.types import EventKind, StepKind, StepSpec, StepStatus, StepView
from tests.unit.orchestration.strategies.views import PARAMETERS, error_of, step, view_of


def asked(name: str, owner: str, *depends_on: str, instruction: str = "do it") -> dict[str, Any]:
    fields = {"id": name, "title": f"Task {name}", "instruction": instruction, "owner": owner, "role": "analyst"}
    return {**fields, "tools": ["python"], "depends_on": list(depends_on)}


def lead(number: int, *tasks: dict[str, Any], messages: Sequence[tuple[str, str]] = (), note: str = "go") -> StepView:
    value = {
        "decision": "delegate" if tasks else "finish",
        "note": note,
        "tasks": list(tasks),
        "messages": [{"to": to, "text": text} for to, text in messages],
    }
    return step(f"lead-{number}", StepKind.DECIDE, StepStatus.SUCCEEDED, output={"value": value, "text": ""})


def worked(key: str, text: str = "done", posts: Sequence[dict[str, str]] = ()) -> StepView:
    return step(key, StepKind.AGENT, StepStatus.SUCCEEDED, output={"text": text, "posts": list(posts)})


def broke(key: str) -> StepView:
    return step(key, StepKind.AGENT, StepStatus.FAILED, error=error_of("the page was away"))


def answered(text: str = "All of it.") -> StepView:
    return step("synthesize", StepKind.SYNTHESIZE, StepStatus.SUCCEEDED, output={"text": text})


def moved(name: str, *steps: StepView, **given: Any) -> Spawn:
    move = STRATEGIES[name].next(view_of(*steps, parameters={**PARAMETERS, "strategy": given}))
    assert isinstance(move, Spawn), move
    return move


def keys_of(move: Spawn) -> list[str]:
    return [spec.key for spec in move.steps]


def sections_of(spec: StepSpec) -> dict[str, str]:
    return dict(spec.input["sections"])


def test_a_supervisor_reads_what_came_back_and_hands_out_more_with_it() -> None:
    first = [lead(1, asked("a", "ada"), asked("b", "ben")), worked("work-1-1"), broke("work-1-2")]
    again = moved("supervisor", *first)
    assert keys_of(again) == ["lead-2"]
    assert again.steps[0].depends_on == ("work-1-1", "work-1-2"), "the lead reads every result and every reason"
    listed = sections_of(again.steps[0])["Task list"]
    assert "- a [done] ada (analyst): Task a" in listed
    assert "- b [failed] ben" in listed
    more = moved("supervisor", *first, lead(2, asked("c", "cleo", "a"), asked("d", "ada")))
    assert [(spec.key, spec.depends_on, spec.input["agent_id"]) for spec in more.steps] == [
        ("work-2-1", ("work-1-1",), "cleo"),
        ("work-2-2", (), "ada"),
    ]
    told = [item.kind for item in more.told]
    assert told.count(EventKind.TEAM_RECRUITED) == 1, "ada is in the team already"


def test_a_supervisor_recruits_and_hands_out_no_more_than_it_may_and_says_what_it_refused() -> None:
    tasks = [asked("a", "ada"), asked("b", "ben"), asked("c", "cleo"), asked("a", "ada"), asked("d", "lead")]
    move = moved("supervisor", lead(1, *tasks, asked("e", "ada"), asked("f", "ada")), max_agents=2, max_tasks=3)
    assert [spec.input["agent_id"] for spec in move.steps] == ["ada", "ben", "ada"]
    decision = next(item for item in move.told if item.kind is EventKind.LEAD_DECISION)
    assert decision.payload["refused"] == [
        "cleo is not recruited: the team has 2 agents, the most allowed",
        "task a is on the list already",
        "task d has the lead as its owner",
        "task f is one too many",
    ]


@pytest.mark.parametrize(
    ("name", "keys"), [("supervisor", ("work-1-1", "work-1-2")), ("swarm", ("turn-1-ada", "turn-1-ben"))]
)
def test_what_failed_on_the_way_to_a_teams_answer_is_told_with_it(name: str, keys: tuple[str, str]) -> None:
    steps = [lead(1, asked("a", "ada"), asked("b", "ben")), worked(keys[0]), broke(keys[1]), lead(2), answered()]
    move = STRATEGIES[name].next(view_of(*steps))
    assert isinstance(move, Finish)
    failed = {"id": keys[1], "title": keys[1], "status": "failed", "error": "the page was away"}
    assert move.metadata == {"failed_subtasks": [failed]}


def test_a_swarm_drops_messages_beyond_its_limit_and_to_nobody_and_says_so() -> None:
    mail = [("ada", "one"), ("nobody", "lost"), ("ada", "two"), ("ada", "three")]
    first = lead(1, asked("a", "ada"), messages=mail)
    move = moved("swarm", first, max_messages=2)
    text = move.steps[0].input["instruction"]
    assert "from lead: one" in text
    assert "from lead: two" in text
    assert "three" not in text
    ended = moved("swarm", first, worked("turn-1-ada"), lead(2), max_messages=2)
    status = next(item.payload for item in ended.told if item.kind is EventKind.TEAM_STATUS)
    assert (status["messages"], status["messages_dropped"]) == (2, 2)


def test_a_swarm_takes_no_more_tasks_than_it_may() -> None:
    tasks = [asked(name, owner) for name, owner in (("a", "ada"), ("b", "ben"), ("c", "cleo"))]
    assert keys_of(moved("swarm", lead(1, *tasks), max_tasks=2)) == ["turn-1-ada", "turn-1-ben"]
    later = moved("swarm", lead(1, *tasks), worked("turn-1-ada"), worked("turn-1-ben"), lead(2, tasks[2]), max_tasks=2)
    assert keys_of(later) == ["synthesize"], "the list is full, nobody has anything to do"


def test_a_swarm_that_gets_nowhere_ends_after_its_patience_and_one_that_publishes_goes_on() -> None:
    news = {"action": "publish_data", "topic": "t", "text": "found"}
    rounds = [lead(1, asked("a", "ada")), broke("turn-1-ada"), lead(2, asked("b", "ada")), broke("turn-2-ada")]
    stuck = moved("swarm", *rounds, patience=2)
    assert keys_of(stuck) == ["synthesize"]
    assert any("no progress in 2 rounds" in item.message for item in stuck.told)
    published = worked("turn-2-ada", posts=[news])
    assert keys_of(moved("swarm", *rounds[:3], published, patience=2)) == ["lead-3"]


def test_tasks_that_nobody_began_are_told_to_who_makes_the_answer_and_in_the_event_of_the_end() -> None:
    tasks = [asked("a", "ada"), asked("b", "ben", "a")]
    ended = moved("swarm", lead(1, *tasks), broke("turn-1-ada"), lead(2))
    assert keys_of(ended) == ["synthesize"]
    assert ended.steps[0].input["instruction"] == "go\n\nTasks that nobody began:\n- b: Task b"
    status = next(item.payload for item in ended.told if item.kind is EventKind.TEAM_STATUS)
    assert status["not_done"] == ["b"]


def test_agents_whose_names_are_written_in_other_scripts_are_told_apart() -> None:
    move = moved("swarm", lead(1, asked("a", "研究员"), asked("b", "分析师"), asked("c", "Zoë / 2")))
    assert [spec.input["agent_id"] for spec in move.steps] == ["研究员", "分析师", "zoë-2"]
