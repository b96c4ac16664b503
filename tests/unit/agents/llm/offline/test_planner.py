"""The offline planner splits a request where its words show a seam, and leaves it whole where they show none."""

import json
from typing import Any

import pytest

from agents.llm.offline.provider import OfflineProvider
from agents.planning.drafts import PlanRequest, plan_messages
from agents.planning.schema import plan_response_format

TOOLS = [
    (name, "does it") for name in ("python", "calculator", "file_read", "file_write", "file_list", "memory_search")
]
OVERVIEW = """- stocks.csv (12,245 bytes)
  560 rows; columns: symbol, date, price
  values of symbol: AAPL, AMZN, GOOG, IBM, MSFT
- notes.txt (120 bytes)"""

DEMO = (
    "Compare the five companies' monthly prices in stocks.csv: growth, volatility, worst drawdown; "
    "who did best for its risk?"
)

# request, what each title begins with, which earlier parts each needs
SPLITS: list[tuple[str, list[str], list[list[str]]]] = [
    (
        DEMO,
        ["AAPL:", "AMZN:", "GOOG:", "IBM:", "MSFT:"],
        [[], [], [], [], []],
    ),
    ("For each company in stocks.csv compute the mean price.", ["AAPL:", "AMZN:", "GOOG:", "IBM:", "MSFT:"], [[]] * 5),
    ("Compare the growth of AAPL and MSFT", ["AAPL:", "MSFT:"], [[], []]),
    ("What is the average price by symbol?", ["What is the average price by symbol"], [[]]),
    ("Rank the companies by volatility", ["AAPL:", "AMZN:", "GOOG:", "IBM:", "MSFT:"], [[]] * 5),
    ("Which company grew the most?", ["Which company grew"], [[]]),
    ("Count the vowels in 'fun', reverse it, and uppercase it", ["Count the vowels"], [[]]),
    ("What was the highest price of IBM in stocks.csv?", ["What was the highest price of IBM"], [[]]),
    ("How many companies are in stocks.csv?", ["How many companies"], [[]]),
    ("Compare Python, Go and Rust for web backends", ["Python:", "Go:", "Rust:"], [[], [], []]),
    ("Compare the programming languages Python, Go, and Rust.", ["Python:", "Go:", "Rust:"], [[], [], []]),
    ("What is the difference between Postgres and MySQL?", ["Postgres:", "MySQL:"], [[], []]),
    ("Kafka vs RabbitMQ for event sourcing", ["Kafka:", "RabbitMQ:"], [[], []]),
    ("Describe the climate of Paris, Rome and Berlin.", ["Paris:", "Rome:", "Berlin:"], [[], [], []]),
    ("Compute min, max and mean of 3, 4 and 8", ["Compute min, max and mean"], [[]]),
    ("What is the sum of 1, 2 and 3?", ["What is the sum"], [[]]),
    (
        "1. What is 2+2?\n2. Reverse 'abc'\n3. Count the words in notes.txt",
        ["What is 2+2", "Reverse", "Count"],
        [[]] * 3,
    ),
    ("Do these in this order:\n- Calculate 12 * 3\n- Halve it", ["Calculate 12", "Halve it"], [[], ["s1"]]),
    ("Please do: 1) compute 17% of 90 2) reverse 'stressed'", ["Compute 17%", "Reverse"], [[], []]),
    ("Calculate 3*4 and then multiply the result by 2", ["Calculate 3*4", "Multiply the result"], [[], ["s1"]]),
    ("Compute 2^10; reverse the word 'level'; list the files", ["Compute 2^10", "Reverse", "List"], [[], [], []]),
    ("Compute 2^10; then add 5 to the result", ["Compute 2^10", "Add 5"], [[], ["s1"]]),
    (
        "What is the capital of France? How many days are between 2024-01-01 and 2024-03-01?",
        ["What is", "How many"],
        [[], []],
    ),
    ("Who wrote Faust? When was it published?", ["Who wrote Faust? When was it"], [[]]),
    ("Count the words in notes.txt and reverse 'abc'", ["Count the words", "Reverse"], [[], []]),
    ("Calculate 6*7 and save it to answer.txt", ["Calculate 6*7"], [[]]),
    (
        "Calculate 3+4. Then square the result. Finally, save it to n.txt",
        ["Calculate", "Square", "Save"],
        [[], ["s1"], ["s2"]],
    ),
    ("Summarise a.txt and b.txt", ["a.txt:", "b.txt:"], [[], []]),
    ("If it rains then take an umbrella", ["If it rains"], [[]]),
    ("hello", ["Hello"], [[]]),
    ("", [""], [[]]),
]


def plan(query: str, *, overview: str = OVERVIEW, max_subtasks: int = 20, **more: Any) -> dict[str, Any]:
    request = PlanRequest(query=query, tools=TOOLS, workspace_overview=overview, max_subtasks=max_subtasks, **more)
    answer = OfflineProvider().answer(
        messages=plan_messages(request), parameters={"response_format": plan_response_format()}
    )
    found: dict[str, Any] = json.loads(answer.text)
    return found


@pytest.mark.parametrize(("query", "titles", "depends_on"), SPLITS, ids=[query[:40] for query, _, _ in SPLITS])
def test_request_is_split_at_its_seams(query: str, titles: list[str], depends_on: list[list[str]]) -> None:
    subtasks = plan(query)["subtasks"]

    assert [task["depends_on"] for task in subtasks] == depends_on, [task["title"] for task in subtasks]
    for task, title in zip(subtasks, titles, strict=True):
        assert task["title"].startswith(title)
        assert len(task["title"]) <= 60


def test_subtask_of_a_group_is_told_all_it_needs() -> None:
    first = plan(SPLITS[0][0])["subtasks"][0]

    assert first["tools"] == ["python"]
    for needed in ("stocks.csv", '"AAPL"', "growth", "volatility", "drawdown", "month"):
        assert needed in first["instruction"]
    assert "MSFT" not in first["instruction"]


@pytest.mark.parametrize(
    ("query", "tools"),
    [
        ("What is 17% of 2,340?", [["calculator"]]),
        ("Reverse 'abc' and save it to r.txt", [["python", "file_write"]]),
        ("Calculate 3*4 and then multiply the result by 2", [["calculator"], ["calculator"]]),
        ("What did I ask last time?", [["memory_search"]]),
        ("Which files are there?", [["file_list"]]),
        ("Who was Ada Lovelace?", [[]]),
    ],
)
def test_subtasks_are_given_the_tools_they_will_call(query: str, tools: list[list[str]]) -> None:
    assert [task["tools"] for task in plan(query)["subtasks"]] == tools


def test_more_groups_than_allowed_are_worked_on_together() -> None:
    subtasks = plan(SPLITS[0][0], max_subtasks=2)["subtasks"]

    assert len(subtasks) == 2
    assert all(value in subtasks[0]["instruction"] for value in ("AAPL", "AMZN", "GOOG"))


def test_list_longer_than_allowed_is_joined() -> None:
    subtasks = plan("\n".join(f"- calculate {n} * 2" for n in range(9)), max_subtasks=3)["subtasks"]

    assert len(subtasks) == 3
    assert "8 * 2" in subtasks[-1]["instruction"]


def test_one_subtask_is_all_that_is_made_where_only_one_is_allowed() -> None:
    assert len(plan("1. What is 2+2?\n2. Reverse 'abc'", max_subtasks=1)["subtasks"]) == 1


def task(own_id: str, *depends_on: str, tools: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "id": own_id,
        "title": own_id,
        "instruction": f"Do {own_id}",
        "depends_on": list(depends_on),
        "tools": list(tools),
    }


def test_repair_breaks_a_cycle_and_drops_unknown_names() -> None:
    bad = {
        "subtasks": [task("a", "b", tools=("python", "teleport")), task("b", "a", "ghost")],
        "synthesis_instruction": "x",
    }

    good = plan("do a and b", previous_plan=bad, problems=["subtasks form a cycle: a, b", "unknown tool: teleport"])

    assert [entry["depends_on"] for entry in good["subtasks"]] == [[], ["s1"]]
    assert good["subtasks"][0]["tools"] == ["python"]
    assert good["synthesis_instruction"] == "x"


def test_repair_of_an_empty_plan_plans_anew() -> None:
    good = plan("What is 2+2?", previous_plan={"subtasks": []}, problems=["the plan has no subtasks"])

    assert [entry["title"] for entry in good["subtasks"]] == ["What is 2+2"]


def test_repair_of_a_plan_that_is_too_wide_stays_within_the_limit() -> None:
    wide = {"subtasks": [task(f"t{n}") for n in range(9)], "synthesis_instruction": ""}

    good = plan("\n".join(f"- do {n}" for n in range(9)), max_subtasks=4, previous_plan=wide, problems=["too wide"])

    assert 1 <= len(good["subtasks"]) <= 4


def test_plan_says_that_rules_made_it() -> None:
    assert "offline model" in plan("hello")["synthesis_instruction"]
