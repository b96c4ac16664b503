"""`/v1/responses` by the official client of OpenAI, for both families of model names."""

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from agents.models import ModelCall
from orchestration.models import Task
from orchestration.types import TaskStatus
from policy.models import Budget
from tests.integration.agents.llm.providers import Provider, streamed, whole
from tests.integration.api.callers import Caller

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("gateway_url")]

ASK = "What is 17 * 23?"
LOOPBACK = "openai/loopback-m"
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "Tell the weather.",
    "strict": False,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
CALLS = [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}]


class Product(BaseModel):
    """What an answer must look like."""

    product: int


def test_a_tier_answers_and_the_tenants_budget_pays(client: openai.OpenAI, caller: Caller) -> None:
    answer = client.responses.create(model="small", input=ASK, instructions="Be brief.", metadata={"for": "tests"})

    assert "answered by rules" in answer.output_text
    assert (answer.object, answer.status, answer.model) == ("response", "completed", "offline/small")
    assert (answer.instructions, answer.metadata) == ("Be brief.", {"for": "tests"})
    assert answer.usage is not None
    budget = Budget.objects.get(scope="tenant", scope_id=caller.tenant.id)
    assert budget.spent_tokens == answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert not Task.objects.exists()


def test_a_stream_is_the_answer_in_numbered_events(client: openai.OpenAI) -> None:
    events = list(client.responses.create(model="offline/medium", input=ASK, stream=True))

    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert set(kinds[4:-4]) == {"response.output_text.delta"}
    last: Any = events[-1]
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert deltas == last.response.output_text
    assert last.response.usage.total_tokens > 0
    assert ModelCall.objects.get().is_streamed


def test_the_clients_own_reader_of_streams_takes_it(client: openai.OpenAI) -> None:
    with client.responses.stream(model="offline/medium", input=ASK) as stream:
        final = stream.get_final_response()

    assert "answered by rules" in final.output_text


def test_functions_are_called_and_what_they_gave_is_told(client: openai.OpenAI, provider: Provider) -> None:
    provider.body = whole(None, tool_calls=CALLS)
    first = client.responses.create(
        model=LOOPBACK,
        input="How is the weather?",
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "weather"},
    )
    call: Any = first.output[0]
    assert (call.type, call.call_id, call.name, json.loads(call.arguments)) == (
        "function_call",
        "c1",
        "weather",
        {"city": "Oslo"},
    )
    assert provider.asked[0]["tools"][0]["function"]["description"] == "Tell the weather."
    assert provider.asked[0]["tool_choice"] == {"type": "function", "function": {"name": "weather"}}

    provider.body = whole("It rains.")
    turns: Any = [
        {"role": "user", "content": [{"type": "input_text", "text": "How is the weather?"}]},
        call.to_dict(),
        {"type": "function_call_output", "call_id": "c1", "output": "rain"},
    ]
    second = client.responses.create(model=LOOPBACK, input=turns, tools=[WEATHER])

    assert second.output_text == "It rains."
    asked = provider.asked[1]["messages"]
    assert [message["role"] for message in asked] == ["user", "assistant", "tool"]
    assert asked[1]["tool_calls"][0]["id"] == asked[2]["tool_call_id"] == "c1"


def test_calls_of_functions_are_streamed_as_their_events(client: openai.OpenAI, provider: Provider) -> None:
    frame = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    parts: list[dict[str, Any]] = [
        {**frame, "choices": [{"index": 0, "delta": {"content": "Let me look."}}]},
        {**frame, "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, **CALLS[0]}]}}]},
        {**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    ]
    provider.body = "".join(f"data: {json.dumps(part)}\n\n" for part in parts).encode() + b"data: [DONE]\n\n"

    with client.responses.stream(model=LOOPBACK, input="How is the weather?", tools=[WEATHER]) as stream:
        final = stream.get_final_response()

    assert [item.type for item in final.output] == ["message", "function_call"]
    assert final.output_text == "Let me look."
    called: Any = final.output[1]
    assert json.loads(called.arguments) == {"city": "Oslo"}


def test_an_answer_of_a_form_is_parsed(client: openai.OpenAI, provider: Provider) -> None:
    provider.body = whole('{"product": 391}')

    answer = client.responses.parse(model=LOOPBACK, input=ASK, text_format=Product)

    assert answer.output_parsed == Product(product=391)
    assert provider.asked[0]["response_format"]["json_schema"]["name"] == "Product"


def test_an_answer_that_was_cut_off_is_incomplete(client: openai.OpenAI, provider: Provider) -> None:
    provider.body = whole("It", finish_reason="length")

    answer = client.responses.create(model=LOOPBACK, input=ASK, max_output_tokens=16)

    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"


def test_a_stream_that_breaks_off_ends_as_failed(client: openai.OpenAI, provider: Provider) -> None:
    provider.body = streamed("It is ", done=False)

    events = list(client.responses.create(model=LOOPBACK, input=ASK, stream=True))

    last: Any = events[-1]
    assert (last.type, last.response.status) == ("response.failed", "failed")
    assert last.response.error.code == "MODEL_UNAVAILABLE"


@pytest.mark.parametrize(
    ("more", "says", "param"),
    [
        ({"previous_response_id": "resp_1"}, "send the conversation as input", "previous_response_id"),
        ({"conversation": "conv_1"}, "are not kept", "conversation"),
        ({"background": True}, "a shannon-\\* model works in the background", "background"),
        ({"store": True}, "are not kept", "store"),
        ({"include": ["reasoning.encrypted_content"]}, "include: is not available", "include"),
        ({"top_logprobs": 2}, "probabilities of tokens are not told", "top_logprobs"),
        ({"truncation": "disabled"}, "truncation: ", "truncation"),
        ({"tools": [{"type": "web_search"}]}, "only tools of the type function", "tools.0.type"),
        ({"tools": [{"type": "function"}]}, "must be the function's name", "tools.0.name"),
        ({"text": {"verbosity": "low"}}, "text.verbosity", "text.verbosity"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type", "text.format.type"),
        ({"reasoning": {"summary": "auto"}}, "Unknown field: reasoning.summary", "reasoning.summary"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "item_reference is not taken", "input.0.type"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input_image", "input.0.content.0.type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "http://x/"}]}]},
            "addresses are not fetched here",
            "input",
        ),
        ({"colour": 1}, "Unknown field: colour", "colour"),
    ],
)
def test_what_one_model_does_not_do_is_refused_by_name(
    client: openai.OpenAI, more: dict[str, Any], says: str, param: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=says) as refused:
        client.responses.create(model="small", input=more.pop("input", ASK), extra_body=more)

    assert (refused.value.type, refused.value.param) == ("invalid_request_error", param)
    assert not ModelCall.objects.exists()


def test_the_platform_answers_and_the_answer_can_be_read_again(client: openai.OpenAI, caller: Caller) -> None:
    answer = client.responses.create(model="shannon-chat", input=ASK)

    task = Task.objects.get()
    assert "391" in answer.output_text
    assert (answer.id, answer.model, answer.store) == (f"resp_{task.id.hex}", "shannon-chat", True)  # type: ignore[attr-defined]
    assert task.tenant_id == caller.tenant.id
    assert answer.usage is not None
    assert answer.usage.total_tokens == task.prompt_tokens + task.completion_tokens
    again = client.responses.retrieve(answer.id)
    assert (again.output_text, again.status, again.model) == (answer.output_text, "completed", "shannon-chat")


def test_the_platforms_events_come_along_and_clients_pass_them_by(client: openai.OpenAI) -> None:
    with client.responses.stream(model="shannon-chat", input=ASK) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()

    assert "shannon.event" in kinds
    assert kinds[-1] == "response.completed"
    assert "391" in final.output_text
    assert final.output_text.endswith(str(Task.objects.get().result))


def test_an_answer_follows_another_in_its_conversation(client: openai.OpenAI) -> None:
    first = client.responses.create(model="shannon-chat", input="My favourite number is 12.")
    second = client.responses.create(model="shannon-chat", input=ASK, previous_response_id=first.id)

    assert second.previous_response_id == first.id
    assert len(set(Task.objects.values_list("session_id", flat=True))) == 1
    with pytest.raises(openai.BadRequestError, match="not the last answer of its conversation"):
        client.responses.create(model="shannon-chat", input=ASK, previous_response_id=first.id)
    with pytest.raises(openai.NotFoundError, match="no such answer"):
        client.responses.create(model="shannon-chat", input=ASK, previous_response_id="resp_" + "0" * 32)


def test_the_same_idempotency_key_gives_the_same_answer_after_another(client: openai.OpenAI) -> None:
    first = client.responses.create(model="shannon-chat", input=ASK)
    asked: Any = {"model": "shannon-chat", "input": ASK, "previous_response_id": first.id}
    key = {"Idempotency-Key": "once"}
    answers = [client.responses.create(**asked, extra_headers=key) for _ in range(2)]

    assert answers[0].id == answers[1].id
    assert Task.objects.count() == 2


def test_an_answer_in_the_background_is_read_when_it_is_there(client: openai.OpenAI) -> None:
    begun = client.responses.create(model="shannon-chat", input=ASK, background=True)
    assert (begun.status, begun.background) == ("in_progress", True)

    task = Task.objects.get()
    client.chat.completions.create(model="shannon-chat", messages=[{"role": "user", "content": "1 + 1"}])
    task.refresh_from_db()
    assert task.status == TaskStatus.COMPLETED, "the worker plays what was submitted first"
    ended = client.responses.retrieve(begun.id)
    assert (ended.status, "391" in ended.output_text) == ("completed", True)
    assert client.responses.cancel(begun.id).status == "completed", "what has ended stays as it is"


def test_an_answer_that_fails_says_why_whole_and_streamed(client: openai.OpenAI) -> None:
    poor = {"shannon_options": {"context": {"budget_max": 1}}}
    with pytest.raises(openai.APIStatusError, match="budget of the task") as refused:
        client.responses.create(model="shannon-chat", input=ASK, extra_body=poor)
    assert (refused.value.status_code, refused.value.code) == (402, "BUDGET_EXCEEDED")

    last: Any = list(client.responses.create(model="shannon-chat", input=ASK, extra_body=poor, stream=True))[-1]
    assert (last.type, last.response.error.code) == ("response.failed", "BUDGET_EXCEEDED")
    failed = client.responses.retrieve(last.response.id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert str(failed.error.code) == "BUDGET_EXCEEDED"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"tools": [WEATHER]}, "Not available here: tools"),
        ({"conversation": "c"}, "Not available here: conversation"),
        ({"store": False}, "store: is always on"),
        ({"colour": 1}, "Unknown field: colour"),
        ({"truncation": "disabled"}, "truncation: "),
    ],
)
def test_what_the_platform_does_not_do_is_refused_by_name(
    client: openai.OpenAI, more: dict[str, Any], says: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=says):
        client.responses.create(model="shannon-chat", input=ASK, extra_body=more)
    assert not Task.objects.exists()


def test_another_tenants_answer_is_not_there(client: openai.OpenAI, stranger: Caller) -> None:
    foreign = f"resp_{stranger.submit().id.hex}"
    for ask in (client.responses.retrieve, client.responses.cancel):
        with pytest.raises(openai.NotFoundError):
            ask(foreign)
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="shannon-chat", input=ASK, previous_response_id=foreign)
