"""The six OpenAI methods of the official client of the reference system, unmodified."""

import pytest
from shannon import ShannonClient, errors
from shannon.models import OpenAIChatMessage, OpenAIShannonOptions

pytestmark = pytest.mark.django_db(transaction=True)

ASK = [OpenAIChatMessage(role="user", content="What is 17 * 23?")]


def test_models(shannon: ShannonClient) -> None:
    assert "shannon-chat" in [model.id for model in shannon.list_openai_models()]
    model = shannon.get_openai_model("shannon-complex")
    assert (model.id, model.owned_by) == ("shannon-complex", "shannon")
    assert "plan" in str(model.description).lower()


def test_a_chat_completion_with_options(shannon: ShannonClient) -> None:
    answer = shannon.create_chat_completion(
        ASK,
        model="shannon-chat",
        max_tokens=400,
        temperature=0.2,
        session_id="sums",
        shannon_options=OpenAIShannonOptions(model_tier="small", context={"topic": "sums"}),
        timeout=120,
    )
    assert "391" in answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0


def test_a_streamed_chat_completion_carries_events(shannon: ShannonClient) -> None:
    pieces = list(shannon.stream_chat_completion(ASK, include_usage=True, timeout=120))
    text = "".join(choice.delta.content or "" for piece in pieces for choice in piece.choices if choice.delta)
    assert "391" in text
    events = [event for piece in pieces for event in piece.shannon_events]
    assert events[0].type == "WORKFLOW_STARTED"
    assert events[-1].type == "STREAM_END"
    assert pieces[-1].usage is not None


def test_completions(shannon: ShannonClient) -> None:
    payload = {"model": "shannon-chat", "prompt": "What is 17 * 23?"}
    assert "391" in shannon.create_completion(payload, timeout=120)["choices"][0]["text"]
    pieces = list(shannon.stream_completion(payload, timeout=120))
    assert "391" in "".join(piece["choices"][0]["text"] for piece in pieces)


def test_refusals_are_the_clients_own_errors(shannon: ShannonClient) -> None:
    with pytest.raises(errors.ValidationError, match="research_strategy"):
        shannon.create_chat_completion(ASK, shannon_options={"research_strategy": "bottomless"})
    with pytest.raises(errors.ValidationError, match="agent_input"):
        shannon.create_chat_completion(ASK, shannon_options={"agent_input": {"a": 1}})
