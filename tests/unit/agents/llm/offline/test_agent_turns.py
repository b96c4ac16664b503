"""As an agent, the offline model chooses the tool that the work needs and answers from what the tools gave."""

import csv
import json
import re
import shutil
import statistics
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agents.llm.offline.provider import OfflineProvider
from tests.unit.agents.llm.offline.agents import PlayedAgent

NOTES = "Hello world. This is a note. Write to ana@example.org or bob@example.org!\n"
STOCKS = Path(__file__).parents[5] / "examples" / "stocks.csv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "notes.txt").write_text(NOTES)
    shutil.copy(STOCKS, tmp_path / "stocks.csv")
    return tmp_path


# instruction, tools called in order, what the answer must hold
CHOICES: list[tuple[str, list[str], list[str]]] = [
    ("What is 17% of 2,340?", ["calculator"], ["397.8"]),
    ("Compute (3 + 4) * 12 - 5", ["calculator"], ["79"]),
    ("What is the square root of 144?", ["calculator"], ["12"]),
    ("What is 2 to the power of 10?", ["calculator"], ["1024"]),
    ("Increase 250 by 12%", ["calculator"], ["280"]),
    ("How much is 12 divided by 4 plus 1?", ["calculator"], ["4"]),
    ("What is 2+3, and what is 4*5?", ["calculator", "calculator"], ["**5**", "**20**"]),
    ("Find the average of 3, 4 and 8.", ["calculator"], ["5"]),
    ("What is the factorial of 10?", ["calculator"], ["3628800"]),
    ("Calculate 6*7 and save it to answer.txt", ["calculator", "file_write"], ["42", "Saved as `answer.txt`"]),
    ("List the first 10 prime numbers", ["python"], ["2, 3, 5, 7, 11, 13, 17, 19, 23, 29"]),
    ("How many days are between 2024-01-01 and 2024-03-01?", ["python"], ["60"]),
    ("Count the words in notes.txt", ["python"], ["**15**"]),
    ("How many sentences and words are in notes.txt?", ["python"], ["sentences of `notes.txt`: **3**", "**15**"]),
    ("Extract the email addresses from notes.txt", ["python"], ["ana@example.org, bob@example.org"]),
    ("Reverse the word 'stressed'", ["python"], ["desserts"]),
    ("Convert 'quiet please' to upper case", ["python"], ["QUIET PLEASE"]),
    ("Sort these alphabetically: pear, apple, fig", ["python"], ["apple, fig, pear"]),
    ("Remove duplicates from: a, b, a, c", ["python"], ["a, b, c"]),
    (
        "Summarise this text: Rain fell. Rain fell on the hills. It was a day. The hills drank rain.",
        ["python"],
        ["hills"],
    ),
    ("What is the average price of IBM in stocks.csv?", ["python"], ["91.26"]),
    ("What was the highest price of GOOG?", ["python"], ["707", "Oct 1 2007"]),
    ("How many rows does stocks.csv have?", ["python"], ["560"]),
    ("Mean price by symbol in stocks.csv", ["python"], ["AAPL", "AMZN", "GOOG", "IBM", "MSFT"]),
    ("What is the correlation between AAPL and MSFT prices?", ["python"], ["Pearson", "0.357936"]),
    ("Worst drawdown of MSFT in stocks.csv", ["python"], ["-63.42 %"]),
    ("Which company grew the most?", ["python"], ["**AAPL** has the highest growth: 759.75 %"]),
    ("Which symbol has the lowest average price?", ["python"], ["**MSFT** has the lowest mean of `price`: 24.7367"]),
    ("Rank the companies in stocks.csv by volatility", ["python"], ["1. IBM (8.53 %)", "5. AMZN (17.16 %)"]),
    ("Count the vowels in 'fun', reverse it, and uppercase it", ["python"], ["**1**", "**nuf**", "**FUN**"]),
    ("Describe stocks.csv", ["python"], ["mean", "560"]),
    ("Run this:\n```python\nprint(sum(range(10)))\n```", ["python"], ["45"]),
    ("Which files are in the workspace?", ["file_list"], ["notes.txt", "stocks.csv"]),
    ("Show me notes.txt", ["file_read"], ["Hello world"]),
    ("Write a file hello.txt with the text 'good morning'", ["file_write"], ["Saved as `hello.txt`"]),
    ("Save 'good morning' to hello.txt", ["file_write"], ["Saved as `hello.txt`"]),
    ("Create a file named hello.txt containing: good morning", ["file_write"], ["Saved as `hello.txt`"]),
    ("What did I ask you last time about volatility?", ["memory_search"], ["found nothing"]),
    ("Do you remember the growth of AAPL?", ["memory_search"], ["found nothing"]),
    ("Who was Ada Lovelace?", [], ["cannot answer"]),
    ("Write an essay about freedom", [], ["cannot answer"]),
    ("Hello!", [], ["set of rules"]),
    ("Reply with: ready", [], ["ready"]),
]


@pytest.mark.parametrize(("instruction", "tools", "holds"), CHOICES, ids=[choice[0][:40] for choice in CHOICES])
def test_instruction_is_done_with_the_tools_that_it_needs(
    folder: Path, instruction: str, tools: list[str], holds: list[str]
) -> None:
    agent = PlayedAgent(folder)

    answer = agent.run(instruction)

    assert [name for name, _ in agent.calls] == tools
    assert answer.startswith("[offline model]")
    for text in holds:
        assert text in answer


def test_saved_file_holds_the_given_text(folder: Path) -> None:
    PlayedAgent(folder).run("Write a file hello.txt with the text 'good morning'")

    assert (folder / "hello.txt").read_text() == "good morning\n"


def expected_measures(symbol: str) -> dict[str, float]:
    """The demo's numbers, computed here by another way than the template's."""
    with STOCKS.open(newline="") as file:
        rows = [
            (datetime.strptime(row["date"], "%b %d %Y"), float(row["price"]))  # noqa: DTZ007 - dates without a zone
            for row in csv.DictReader(file)
            if row["symbol"] == symbol
        ]
    prices = [price for _, price in sorted(rows)]
    returns = [prices[i] / prices[i - 1] - 1 for i in range(1, len(prices))]
    return {
        "growth": prices[-1] / prices[0] - 1,
        "volatility": statistics.stdev(returns),
        "worst_drawdown": min(price / max(prices[: i + 1]) - 1 for i, price in enumerate(prices)),
    }


@pytest.mark.parametrize("symbol", ["AAPL", "AMZN", "GOOG", "IBM", "MSFT"])
def test_growth_volatility_and_drawdown_are_right(folder: Path, symbol: str) -> None:
    answer = PlayedAgent(folder).run(
        f'In stocks.csv, take only the rows whose symbol is "{symbol}". Compute growth, volatility and worst drawdown.'
    )

    block = re.search(r"```json\n(.*?)\n```", answer, re.DOTALL)
    assert block is not None
    found = json.loads(block.group(1))["groups"][symbol]
    for name, value in expected_measures(symbol).items():
        assert found[name] == pytest.approx(value, rel=1e-12)


def test_failed_tool_is_told_honestly(folder: Path) -> None:
    agent = PlayedAgent(folder, failing={"calculator": "it is switched off"})

    assert "could not be worked out" in (answer := agent.run("What is 2+3?"))
    assert "it is switched off" in answer


def test_failing_program_is_told_honestly(folder: Path) -> None:
    answer = PlayedAgent(folder).run("Run this:\n```python\nraise ValueError('no luck')\n```")

    assert "did not succeed" in answer
    assert "no luck" in answer


def test_missing_tool_is_said_to_be_missing(folder: Path) -> None:
    answer = PlayedAgent(folder, tools=["file_list"]).run("Count the words in notes.txt")

    assert "`python`" in answer
    assert "not offered" in answer


def test_python_calculates_where_there_is_no_calculator(folder: Path) -> None:
    agent = PlayedAgent(folder, tools=["python"])

    assert "**5**" in agent.run("What is 2+3?")


def test_earlier_result_is_calculated_with(folder: Path) -> None:
    agent = PlayedAgent(folder, dependencies="### s1: Calculate 3*4\n\n[offline model] by rules\n\n- `3*4` = **12**")

    assert "**24**" in agent.run("Multiply the result by 2")
    assert agent.calls == [("calculator", {"expression": "12 * 2"})]


def test_earlier_result_is_saved(folder: Path) -> None:
    agent = PlayedAgent(folder, dependencies="### s1: Calculate\n\n- `3*4` = **12**")

    agent.run("Save it to result.txt")

    assert "**12**" in (folder / "result.txt").read_text()


def test_fact_told_earlier_is_known(folder: Path) -> None:
    agent = PlayedAgent(folder, history=[("user", "My name is Ana Lima."), ("assistant", "Noted.")])

    assert "Ana Lima" in agent.run("What is my name?")


def test_fact_not_told_is_not_invented(folder: Path) -> None:
    assert "not told me" in PlayedAgent(folder).run("What is my name?")


def test_own_questions_are_recalled_from_the_conversation(folder: Path) -> None:
    agent = PlayedAgent(folder, history=[("user", "What is 2+2?"), ("assistant", "4")])

    assert "What is 2+2?" in agent.run("What did I ask before?")
    assert agent.calls == []


def test_memory_is_quoted(folder: Path) -> None:
    agent = PlayedAgent(folder, memories=[{"content": "GOOG did best for its risk.", "score": 0.7}])

    assert "GOOG did best" in agent.run("Do you remember who did best for its risk?")


def test_last_turn_without_tools_answers_from_what_was_found(folder: Path) -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "What is 2+3?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c", "function": {"name": "calculator", "arguments": '{"expression": "2+3"}'}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": '{"ok": true, "output": {"result": 5, "text": "5"}}'},
        {
            "role": "user",
            "content": "There are no turns left for tools. Answer now, with what you have; say what is missing.",
        },
    ]

    assert "**5**" in OfflineProvider().answer(messages=messages, parameters={}).text


def test_text_of_a_user_never_becomes_code(folder: Path) -> None:
    agent = PlayedAgent(folder)

    answer = agent.run('Reverse the text "\'); import os; os._exit(3) #"')

    assert "did not succeed" not in answer
    assert "#" in answer
