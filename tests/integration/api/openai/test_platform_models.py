"""`shannon-*` models by the official client of OpenAI: they run the whole platform."""

import json
from contextlib import suppress
from typing import Any

import httpx
import openai
import pytest

from agents.models import Message
from orchestration.models import Task
from orchestration.types import TaskStatus
from tests.integration.api.callers import Caller

pytestmark = pytest.mark.django_db(transaction=True)

ASK: list[Any] = [{"role": "user", "content": "What is 17 * 23?"}]


def test_the_models_are_listed_and_described(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert {"shannon-chat", "shannon-complex", "small", "offline/medium"} <= set(names)
    assert len(names) == len(set(names))
    assert client.models.retrieve("offline/medium").owned_by == "offline"
    with pytest.raises(openai.NotFoundError, match="There is no model"):
        client.models.retrieve("gpt-99")


def test_a_chat_is_answered_with_usage_and_names_its_task(client: openai.OpenAI, caller: Caller) -> None:
    raw = client.chat.completions.with_raw_response.create(model="shannon-chat", messages=ASK)
    answer = raw.parse()
    assert "391" in str(answer.choices[0].message.content)
    assert (answer.object, answer.model, answer.choices[0].finish_reason) == ("chat.completion", "shannon-chat", "stop")
    task = Task.objects.get(id=raw.headers["X-Workflow-ID"])
    assert raw.headers["X-Session-ID"] == raw.headers["X-Shannon-Session-ID"] == str(task.session_id)
    assert (task.tenant_id, task.strategy) == (caller.tenant.id, "simple")
    assert answer.usage is not None
    assert answer.usage.total_tokens == task.prompt_tokens + task.completion_tokens > 0


def test_the_complex_model_plans(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="shannon-complex", messages=[{"role": "user", "content": "Work out:\n- 2 + 3\n- 4 * 5"}]
    )
    assert answer.choices[0].message.content
    assert Task.objects.get().strategy == "dag"


def test_a_streamed_chat_gives_the_same_text_and_the_events_of_its_task(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="shannon-chat", messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    pieces = list(stream)
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    task = Task.objects.get()
    assert text.endswith(str(task.result))
    assert pieces[0].choices[0].delta.role == "assistant"
    assert [piece.choices[0].finish_reason for piece in pieces if piece.choices][-1] == "stop"
    assert pieces[-1].usage is not None
    assert pieces[-1].usage.completion_tokens == task.completion_tokens
    assert {piece.id for piece in pieces} == {f"chatcmpl-{task.id.hex}"}
    events = [event for piece in pieces for event in getattr(piece, "shannon_events", None) or ()]
    assert events[0]["type"] == "WORKFLOW_STARTED"
    assert {"TOOL_INVOKED", "LLM_OUTPUT", "WORKFLOW_COMPLETED", "STREAM_END"} <= {event["type"] for event in events}
    assert isinstance(events[0]["timestamp"], int)


def test_an_answer_ends_before_a_stop_streamed_or_not(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="shannon-chat", messages=ASK, stop=["**"])
    stream = client.chat.completions.create(model="shannon-chat", messages=ASK, stop="**", stream=True)
    streamed = "".join(piece.choices[0].delta.content or "" for piece in stream)
    assert "**" not in str(whole.choices[0].message.content)
    assert streamed == whole.choices[0].message.content


def test_what_was_said_before_and_the_systems_words_reach_the_model_once(client: openai.OpenAI) -> None:
    talk: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "My number is 7."}]},
        {"role": "assistant", "content": "Noted."},
    ]
    for _ in range(2):  # the second time the session knows all of it
        client.chat.completions.create(
            model="shannon-chat", messages=[*talk, *ASK], extra_headers={"X-Session-ID": "talk"}
        )
    said = list(Message.objects.order_by("id").values_list("role", "content"))
    assert said[:4] == [
        ("user", "My number is 7."),
        ("assistant", "Noted."),
        ("system", "Be brief."),
        ("user", "What is 17 * 23?"),
    ]
    assert [role for role, _ in said[4:]] == ["assistant", "user", "assistant"]


def test_options_of_the_answer_reach_the_model(client: openai.OpenAI) -> None:
    client.chat.completions.create(
        model="shannon-auto",
        messages=ASK,
        temperature=0.5,
        max_tokens=500,
        user="ada",
        extra_body={"shannon_options": {"model_tier": "small", "context": {"budget_max": 50_000}}},
    )
    task = Task.objects.get()
    assert task.parameters["sampling"] == {"temperature": 0.5}
    assert (task.parameters["max_output_tokens"], task.parameters["model_tier"]) == (500, "small")
    assert task.context == {"budget_max": 50_000, "user": "ada"}
    assert task.model_used == "offline/small"


@pytest.mark.parametrize(
    ("model", "options", "expected"),
    [
        ("shannon-deep-research", {}, ("research", {"depth": "deep"})),
        ("shannon-chat", {"research_strategy": "quick"}, ("research", {"depth": "quick"})),
        ("shannon-auto", {"role": "writer"}, ("simple", {})),
    ],
)
def test_research_and_a_role_are_asked_for_by_model_or_option(
    client: openai.OpenAI, model: str, options: dict[str, Any], expected: tuple[str, dict[str, str]]
) -> None:
    # no search engine is configured here, so research says what is missing
    with suppress(openai.APIStatusError):
        client.chat.completions.create(model=model, messages=ASK, extra_body={"shannon_options": options})
    task = Task.objects.get()
    assert (task.strategy, task.parameters["strategy"]) == expected
    assert task.parameters.get("role", "") == options.get("role", "")


@pytest.mark.parametrize(
    ("more", "says", "param"),
    [
        ({"tools": [{"type": "function", "function": {"name": "a"}}]}, "Not available here: tools", "tools"),
        ({"logprobs": True}, "Not available here: logprobs", "logprobs"),
        ({"n": 2}, "n: ", "n"),
        ({"max_tokens": 10**30}, "max_tokens: ", "max_tokens"),
        ({"colour": 1}, "Unknown field: colour", "colour"),
        ({"temperature": 3}, "temperature: ", "temperature"),
        ({"shannon_options": {"agent": "x"}}, "Not available here: agent", "agent"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, "the last one must be the user's", "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "type text", "messages.0.content"),
    ],
)
def test_what_a_platform_model_does_not_do_is_refused_by_name(
    client: openai.OpenAI, more: dict[str, Any], says: str, param: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=says) as refused:
        client.chat.completions.create(model="shannon-chat", messages=more.pop("messages", ASK), extra_body=more)
    assert refused.value.type == "invalid_request_error"
    assert refused.value.param == param
    assert refused.value.body["request_id"]  # type: ignore[index]
    assert not Task.objects.exists()


def test_a_wrong_key_is_an_authentication_error(client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk_wrong").models.list()


def test_a_task_without_an_answer_is_an_error_whole_and_streamed(client: openai.OpenAI) -> None:
    poor = {"shannon_options": {"context": {"budget_max": 1}}}
    with pytest.raises(openai.APIStatusError, match="budget of the task") as refused:
        client.chat.completions.create(model="shannon-chat", messages=ASK, extra_body=poor)
    assert (refused.value.status_code, refused.value.code) == (402, "BUDGET_EXCEEDED")
    assert refused.value.type == "insufficient_quota"
    with pytest.raises(openai.APIError, match="budget of the task"):
        list(client.chat.completions.create(model="shannon-chat", messages=ASK, extra_body=poor, stream=True))
    assert Task.objects.filter(status=TaskStatus.FAILED).count() == 2


def test_another_tenants_session_is_not_found(base_url: str, client: openai.OpenAI, stranger: Caller) -> None:
    foreign = stranger.submit()
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(
            model="shannon-chat", messages=ASK, extra_headers={"X-Session-ID": str(foreign.session_id)}
        )


def test_the_same_idempotency_key_gives_the_same_answer(client: openai.OpenAI) -> None:
    key = {"Idempotency-Key": "once"}
    first = client.chat.completions.create(model="shannon-chat", messages=ASK, extra_headers=key)
    again = client.chat.completions.create(model="shannon-chat", messages=ASK, extra_headers=key)
    assert (first.id, first.choices) == (again.id, again.choices)
    assert Task.objects.count() == 1


def test_a_prompt_is_completed_whole_and_in_pieces(client: openai.OpenAI) -> None:
    whole = client.completions.create(model="shannon-chat", prompt="What is 17 * 23?")
    assert "391" in whole.choices[0].text
    assert (whole.object, whole.choices[0].finish_reason) == ("text_completion", "stop")
    pieces = list(client.completions.create(model="shannon-chat", prompt="What is 17 * 23?", stream=True))
    assert "391" in "".join(piece.choices[0].text for piece in pieces)


def test_a_stream_ends_with_done_and_no_proxy_keeps_it(base_url: str, caller: Caller) -> None:
    body = {"messages": ASK, "stream": True}
    answer = httpx.post(f"{base_url}/v1/chat/completions", json=body, headers={"X-API-Key": caller.key}, timeout=120)
    assert answer.headers["Cache-Control"].startswith("no-cache")
    assert answer.text.rstrip().endswith("data: [DONE]")
    pieces = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    assert pieces[0]["model"] == "shannon-chat"  # what a body without a model gets
