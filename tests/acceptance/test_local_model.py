"""A real model without network: llama.cpp's server on a small model, through the whole stack."""

import json
from collections.abc import Iterator

import openai
import pytest

from shannon_project.embedded.llama import MODEL_NAME
from tests.acceptance.conftest import Stack, stack_running

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "country": {"type": "string"}},
    "required": ["city", "country"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def local_stack() -> Iterator[Stack]:
    """A stack with the local model, as `make demo MODEL=local` starts it."""
    with stack_running({"SHANNON_LOCAL_MODEL": "true"}) as stack:
        yield stack


@pytest.fixture
def client(local_stack: Stack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{local_stack.base_url}/v1", api_key=local_stack.api_key, max_retries=0, timeout=600.0
    ) as connected:
        yield connected


def test_a_simple_task_is_answered_by_the_model(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="shannon-chat", messages=[{"role": "user", "content": "Say hello."}], max_tokens=16
    )
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0


def test_a_schema_binds_its_answer(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="small",
        messages=[{"role": "user", "content": "Describe Paris as JSON with city and country."}],
        max_tokens=48,
        temperature=0,
        response_format={"type": "json_schema", "json_schema": {"name": "place", "schema": CITY, "strict": True}},
    )
    assert set(json.loads(str(answer.choices[0].message.content))) == {"city", "country"}
    assert MODEL_NAME in answer.model


def test_its_answer_is_streamed_and_counted(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="medium",
        messages=[{"role": "user", "content": "Count from one to ten in words."}],
        max_tokens=12,
        stream=True,
        stream_options={"include_usage": True},
    )
    pieces = list(stream)
    texts = [piece.choices[0].delta.content for piece in pieces if piece.choices and piece.choices[0].delta.content]
    assert len(texts) > 1
    assert pieces[-1].usage is not None
    assert 0 < pieces[-1].usage.completion_tokens <= 12
