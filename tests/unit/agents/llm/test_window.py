"""A request is made to fit into a model's window by a stated policy, or refused here with numbers."""

from typing import Any

import pytest

from agents.llm.errors import ModelWindowExceeded
from agents.llm.estimates import prompt_tokens_estimate
from agents.llm.types import ModelRequest
from agents.llm.window import fits, fitted
from agents.synthesis.answers import SynthesisRequest, quoted_results, synthesis_messages
from agents.types import SubtaskResult
from shannon_project.config.catalogue import CatalogueModel


def model(window: int | None) -> CatalogueModel:
    return CatalogueModel(name="m", litellm_name="m", provider="p", context_window_tokens=window)


def request_of(*messages: dict[str, Any], output: int = 400) -> ModelRequest:
    return ModelRequest(messages=list(messages), max_output_tokens=output)


SYSTEM = {"role": "system", "content": "You work on tasks."}
FIRST = {"role": "user", "content": "The first question."}
LAST = {"role": "user", "content": "The last question."}


def exchange(number: int, length: int = 600) -> list[dict[str, Any]]:
    call = {"id": f"c{number}", "type": "function", "function": {"name": "t", "arguments": "{}"}}
    return [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": f"c{number}", "content": f"{number}" * length},
    ]


def test_what_fits_and_what_is_asked_of_a_window_nobody_knows_stays_as_it_is() -> None:
    asked = request_of(SYSTEM, LAST)

    assert fitted(asked, model(None)) is asked
    assert fitted(asked, model(10_000)) is asked


def test_the_answer_is_made_shorter_first() -> None:
    asked = request_of(SYSTEM, LAST, output=1_000)
    window = prompt_tokens_estimate(asked) + 600

    made = fitted(asked, model(window))

    assert (made.max_output_tokens, made.messages) == (600, asked.messages)


def test_the_oldest_exchanges_go_whole_and_a_note_says_so() -> None:
    turns = [message for number in range(6) for message in exchange(number)]
    asked = request_of(SYSTEM, FIRST, *turns, LAST)

    made = fitted(asked, model(1_000))

    assert fits(made, model(1_000))
    assert made.messages[:2] == [SYSTEM, FIRST]
    assert made.messages[-1] == LAST
    assert "earlier messages were left out" in made.messages[2]["content"]
    called = {call["id"] for message in made.messages for call in message.get("tool_calls", ())}
    answered = {message["tool_call_id"] for message in made.messages if message["role"] == "tool"}
    assert called == answered == {"c5"} | ({"c4"} if "c4" in called else set()), "no result without its call"


def test_a_text_that_is_too_long_alone_is_cut_in_its_middle_and_says_so() -> None:
    long = {"role": "user", "content": "begin " + "x" * 20_000 + " end"}
    asked = request_of(SYSTEM, long)

    made = fitted(asked, model(1_000))

    text = made.messages[-1]["content"]
    assert text.startswith("begin ")
    assert text.endswith(" end")
    assert "characters were left out here" in text
    assert fits(made, model(1_000))
    assert len(text) > 1_000, "as much as fits is kept"


def test_a_result_of_the_last_exchange_is_cut_rather_than_lost() -> None:
    asked = request_of(SYSTEM, FIRST, *exchange(1, length=30_000))

    made = fitted(asked, model(1_500))

    assert [message["role"] for message in made.messages] == ["system", "user", "assistant", "tool"]
    assert fits(made, model(1_500))


def test_what_cannot_fit_is_refused_with_numbers() -> None:
    tools = [{"type": "function", "function": {"name": "t", "description": "y" * 30_000, "parameters": {}}}]
    asked = ModelRequest(messages=[LAST], tools=tools, max_output_tokens=100)

    with pytest.raises(ModelWindowExceeded, match="1,000 tokens") as caught:
        fitted(asked, model(1_000))

    assert caught.value.details["prompt_tokens"] > 9_000


def test_the_same_request_is_always_made_the_same() -> None:
    turns = [message for number in range(6) for message in exchange(number)]
    asked = request_of(SYSTEM, FIRST, *turns, LAST)

    assert fitted(asked, model(1_000)) == fitted(asked, model(1_000))


def test_quoted_results_are_cut_before_anything_else_goes_and_short_ones_stay_whole() -> None:
    long, longer, short = "a" * 9_000, "b" * 30_000, "the short result"
    opening = {
        "role": "user",
        "content": f"Do it with these.\n\n### x\n\n{long}\n\n### y\n\n{longer}\n\n### z\n\n{short}",
    }
    asked = ModelRequest(
        messages=[SYSTEM, opening, *exchange(1), LAST], max_output_tokens=400, quoted=[long, longer, short]
    )

    made = fitted(asked, model(4_000))

    assert fits(made, model(4_000))
    text = str(made.messages[1]["content"])
    assert text.startswith("Do it with these.")
    assert short in text
    kept = [text.count("a" * 10), text.count("b" * 10)]
    assert abs(kept[0] - kept[1]) <= 20, "the longest are cut down to one length"
    assert text.count("characters were left out here") == 2
    assert [message["role"] for message in made.messages] == ["system", "user", "assistant", "tool", "user"]


def test_a_synthesis_of_many_long_results_fits_a_small_window_with_something_of_each() -> None:
    results = [SubtaskResult(f"s{number}", "t", "succeeded", f"{number % 10}" * 20_000) for number in range(12)]
    failed = SubtaskResult("lost", "t", "failed", "", error="the page was not there")
    request = SynthesisRequest(query="What is it?", instruction="Join them.", results=[*results, failed])
    asked = ModelRequest(
        messages=synthesis_messages(request), max_output_tokens=1_000, quoted=quoted_results(request.results)
    )

    made = fitted(asked, model(8_192))

    assert fits(made, model(8_192))
    text = str(made.messages[-1]["content"])
    assert all(f'id="{result.id}"' in text for result in request.results)
    assert all(f"{number % 10}" * 200 in text for number in range(12))
    assert "the page was not there" in text
    assert "Join them." in text
    assert prompt_tokens_estimate(made) > 8_192 * 0.6, "and the window is used"
