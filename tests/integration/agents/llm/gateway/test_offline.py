"""The offline provider behind litellm."""

import json
import sys
from decimal import Decimal

import pytest

from agents.llm.types import ModelRequest
from agents.planning.drafts import PlanRequest, plan_messages
from agents.planning.schema import plan_response_format
from tests.integration.agents.llm.gateway.asking import GATEWAY, HELLO, offline
from tests.unit.agents.llm.offline.agents import definition


def test_offline_model_answers_and_is_paid() -> None:
    reply = offline(HELLO)

    assert reply.text.startswith("[offline model]")
    assert (reply.model, reply.provider, reply.finish_reason) == ("offline/medium", "offline", "stop")
    assert not reply.usage_estimated
    price = (Decimal("0.5") * reply.prompt_tokens + Decimal(2) * reply.completion_tokens) / 1_000_000
    assert reply.cost_usd == price > 0


def test_stream_gives_the_same_text_tokens_and_price() -> None:
    seen: list[str] = []

    streamed_reply = offline(HELLO, seen)

    assert streamed_reply == offline(HELLO)
    assert "".join(seen) == streamed_reply.text
    assert len(seen) > 5


@pytest.mark.parametrize("is_streamed", [False, True])
def test_tool_calls_come_in_the_openai_format(is_streamed: bool) -> None:
    request = ModelRequest(
        messages=[{"role": "user", "content": "What is 2+3 and 4*5?"}], tools=[definition("calculator")]
    )

    reply = offline(request, [] if is_streamed else None)

    assert reply.finish_reason == "tool_calls"
    assert [call.name for call in reply.tool_calls] == ["calculator", "calculator"]
    assert [json.loads(call.arguments_json) for call in reply.tool_calls] == [
        {"expression": "2+3"},
        {"expression": "4*5"},
    ]
    assert len({call.id for call in reply.tool_calls}) == 2
    assert reply.completion_tokens > 0


def test_conversation_with_tool_results_goes_on() -> None:
    messages = [{"role": "user", "content": "What is 2+3?"}]
    first = offline(ModelRequest(messages=messages, tools=[definition("calculator")]))
    result = {
        "role": "tool",
        "tool_call_id": first.tool_calls[0].id,
        "content": '{"ok": true, "output": {"text": "5"}}',
    }

    second = offline(
        ModelRequest(messages=[*messages, first.as_assistant_message(), result], tools=[definition("calculator")])
    )

    assert "**5**" in second.text


def test_json_schema_gives_a_plan() -> None:
    messages = plan_messages(PlanRequest(query="Compare Rome and Paris", tools=[("python", "Runs code")]))

    reply = offline(ModelRequest(messages=messages, response_format=plan_response_format(), purpose="plan"))

    assert [task["title"][:5] for task in json.loads(reply.text)["subtasks"]] == ["Rome:", "Paris"]


def test_output_limit_is_kept() -> None:
    reply = offline(ModelRequest(messages=HELLO.messages, max_output_tokens=4))

    assert reply.finish_reason == "length"
    assert reply.completion_tokens <= 4


def test_warm_loads_litellm_and_can_be_called_again() -> None:
    GATEWAY.warm()
    GATEWAY.warm()
    assert "litellm" in sys.modules
