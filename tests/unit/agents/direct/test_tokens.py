"""Texts that come as token ids."""

from typing import Any

import pytest

from agents.direct.bodies import CompletionBody, EmbeddingsBody
from shannon_project.foundation.errors import InvalidInput

HELLO_WORLD = [15339, 1917]  # in cl100k_base; "Counting tokens", cookbook.openai.com, tells the same way to count
HALF_A_CHARACTER = [9468]


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        (HELLO_WORLD, ["hello world"]),
        ([HELLO_WORLD, [15339]], ["hello world", "hello"]),
        ("hello", ["hello"]),
        (["hello", "world"], ["hello", "world"]),
    ],
)
def test_token_ids_stand_for_their_text(given: Any, texts: list[str]) -> None:
    assert EmbeddingsBody.of({"model": "v", "input": given}).texts() == texts


def test_a_character_that_was_cut_in_two_is_replaced() -> None:
    assert "\ufffd" in EmbeddingsBody.of({"model": "v", "input": HALF_A_CHARACTER}).texts()[0]


@pytest.mark.parametrize("given", [[10**9], [-1], [2**40], [[15339], [10**9]]])
def test_a_number_that_is_no_token_is_refused(given: Any) -> None:
    with pytest.raises(InvalidInput, match="no token") as refused:
        EmbeddingsBody.of({"model": "v", "input": given}).texts()
    assert refused.value.details == {"field": "input"}


@pytest.mark.parametrize("given", [[], [[]], [[1], []], ["a", [1]], [True], [1.5], [None], [["a"]], {"a": 1}, [[[1]]]])
def test_what_is_neither_texts_nor_tokens_is_refused_by_name(given: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        EmbeddingsBody.of({"model": "v", "input": given})
    assert str(refused.value.details["field"]).startswith("input")


@pytest.mark.parametrize("given", [HELLO_WORLD, [HELLO_WORLD], ["a", "b"]])
def test_a_prompt_is_one_text(given: Any) -> None:
    with pytest.raises(InvalidInput, match="send tokens as the text") as refused:
        CompletionBody.of({"model": "v", "prompt": given})
    assert refused.value.details == {"field": "prompt"}
