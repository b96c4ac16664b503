"""Bodies of chats with one model: what has not the form of OpenAI's is refused by its place."""

from typing import Any

import pytest

from agents.direct.bodies import ChatBody
from shannon_project.foundation.errors import InvalidInput

ASK = {"role": "user", "content": "Hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def body(**values: Any) -> dict[str, Any]:
    return {"model": "small", "messages": [ASK], **values}


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({}, "messages.0.role must be one of"),
        ({"role": "robot", "content": "x"}, "messages.0.role must be one of"),
        ({"role": ["user"], "content": "x"}, "messages.0.role must be one of"),
        ({"role": "user"}, "messages.0.content must be a text or a list"),
        ({"role": "user", "content": 5}, "messages.0.content must be a text or a list"),
        ({"role": "user", "content": {"a": 1}}, "messages.0.content must be a text or a list"),
        ({"role": "user", "content": [5]}, "messages.0.content.0 must be an object with a type"),
        ({"role": "user", "content": [{"type": 5}]}, "messages.0.content.0 must be an object with a type"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages.0.content.0.text must be a text"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "messages.0.content.0.image_url must be an object"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": 5}}]}, "image_url must be an object"),
        ({"role": "assistant", "tool_calls": 5}, "messages.0.tool_calls must be a list"),
        ({"role": "assistant", "tool_calls": [5]}, "messages.0.tool_calls.0 must be a call of a function"),
        ({"role": "assistant", "tool_calls": [{**CALL, "id": 5}]}, "messages.0.tool_calls.0.id must be a text"),
        ({"role": "assistant", "tool_calls": [{"id": "c1"}]}, "messages.0.tool_calls.0 must be a call of a function"),
        ({"role": "tool", "content": "x", "tool_call_id": 5}, "messages.0.tool_call_id must be a text"),
    ],
)
def test_a_message_without_the_form_of_one_is_refused_by_its_place(message: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        ChatBody.of(body(messages=[message]))
    assert refused.value.details["field"] == "messages"


def test_a_conversation_with_tools_and_pictures_is_taken_as_it_came() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture], "name": "ada"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "a cat"}]},
        {"role": "assistant", "content": ""},
    ]
    tools = [{"type": "function", "function": {"name": "f"}}]
    choice = {"type": "function", "function": {"name": "f"}}
    request = ChatBody.of(body(messages=messages, tools=tools, tool_choice=choice)).model_request()

    assert request.messages == messages
    assert (request.tools, request.options["tool_choice"]) == (tools, choice)
