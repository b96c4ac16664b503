"""Answers in OpenAI's shapes."""

import json
import math
from collections.abc import Iterator
from typing import Any

from tests.provider.faults import Fault

_FRAME = {"id": "chatcmpl-test", "created": 1, "system_fingerprint": "test"}
_FINISH_OF_TOOLS = "tool_calls"


def error_body(fault: Fault) -> bytes:
    """Return an error as OpenAI sends it."""
    return json.dumps({"error": {"message": fault.message, "type": "test_error", "code": str(fault.status)}}).encode()


def whole_body(fault: Fault, asked: dict[str, Any]) -> bytes:
    """Return an answer that is not streamed."""
    text = _text(fault, asked)
    message: dict[str, Any] = {"role": "assistant", "content": None if fault.tool_calls else text}
    if fault.reasoning:
        message["reasoning_content"] = fault.reasoning
    if fault.tool_calls:
        message["tool_calls"] = [_tool_call(number, call) for number, call in enumerate(fault.tool_calls)]
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(fault)}
    answer: dict[str, Any] = {**_FRAME, "object": "chat.completion", "model": asked.get("model", "")}
    answer["choices"] = [] if fault.empty_choices else [choice]
    usage = usage_of(fault, asked, text)
    if usage:
        answer["usage"] = usage
    return json.dumps(answer).encode()


def vectors_body(fault: Fault, asked: dict[str, Any]) -> bytes:
    """Return a vector for each text, the last one first: its length, and then ones."""
    texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
    more = [1.0] * (asked.get("dimensions", 3) - 1)
    data = [
        {"object": "embedding", "index": number, "embedding": [float(len(text)), *more]}
        for number, text in enumerate(texts)
    ]
    used = sum(len(text) // 4 + 1 for text in texts)
    usage = {"prompt_tokens": used, "total_tokens": used} if fault.usage is None else fault.usage
    answer: dict[str, Any] = {"object": "list", "model": asked.get("model", ""), "usage": usage}
    answer["data"] = [] if fault.empty_choices else data[::-1]
    return json.dumps(answer).encode()


def stream_frames(fault: Fault, asked: dict[str, Any]) -> Iterator[bytes]:
    """Yield the frames of a streamed answer: pieces, the end, usage, and the closing mark."""
    text = _text(fault, asked)
    if not fault.empty_choices:
        for delta in _deltas(fault, text):
            yield _frame(asked, [{"index": 0, "delta": delta, "finish_reason": None}])
        yield _frame(asked, [{"index": 0, "delta": {}, "finish_reason": _finish_reason(fault)}])
    usage = usage_of(fault, asked, text)
    if usage and (asked.get("stream_options") or {}).get("include_usage"):
        yield _frame(asked, [], usage=usage)
    yield b"data: [DONE]\n\n"


def usage_of(fault: Fault, asked: dict[str, Any], text: str) -> dict[str, Any]:
    """Return what is stated as used: four characters a token, unless the fault says otherwise."""
    if fault.usage is not None:
        return fault.usage
    prompt = math.ceil(len(json.dumps(asked.get("messages", []))) / 4)
    completion = math.ceil(len(text or json.dumps(fault.tool_calls)) / 4)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _text(fault: Fault, asked: dict[str, Any]) -> str:
    if fault.giant_characters:
        return "giant " * (fault.giant_characters // 6)
    if fault.text is not None or fault.tool_calls:
        return fault.text or ""
    said = [message.get("content") for message in asked.get("messages", ()) if message.get("role") == "user"]
    return f"You said: {said[-1] if said else ''}"


def _deltas(fault: Fault, text: str) -> Iterator[dict[str, Any]]:
    for thought in _pieces(fault.reasoning, fault.chunks):
        yield {"role": "assistant", "reasoning_content": thought}
    for number, call in enumerate(fault.tool_calls):
        yield {"role": "assistant", "tool_calls": [{"index": number, **_tool_call(number, call)}]}
    for piece in _pieces(text, fault.chunks):
        yield {"role": "assistant", "content": piece}


def _pieces(text: str, count: int) -> Iterator[str]:
    size = max(1, math.ceil(len(text) / count))
    for start in range(0, len(text), size):
        yield text[start : start + size]


def _tool_call(number: int, call: dict[str, str]) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": call["arguments"]}
    return {"id": call.get("id") or f"call_{number}", "type": "function", "function": function}


def _frame(asked: dict[str, Any], choices: list[dict[str, Any]], **more: Any) -> bytes:
    chunk = {**_FRAME, "object": "chat.completion.chunk", "model": asked.get("model", ""), "choices": choices, **more}
    return f"data: {json.dumps(chunk)}\n\n".encode()


def _finish_reason(fault: Fault) -> str:
    return _FINISH_OF_TOOLS if fault.tool_calls and fault.finish_reason == "stop" else fault.finish_reason


def anthropic_answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Return an answer in Anthropic's shape, with 800 tokens read from its cache and 100 written if there are marks."""
    is_marked = "cache_control" in json.dumps(asked)
    return {
        "id": "msg_test",
        "type": "message",
        "role": "assistant",
        "model": asked.get("model", ""),
        "content": [{"type": "text", "text": "Hello from the cache."}],
        "stop_reason": "end_turn",
        "usage": {
            "input_tokens": 50,
            "output_tokens": 5,
            "cache_read_input_tokens": 800 if is_marked else 0,
            "cache_creation_input_tokens": 100 if is_marked else 0,
        },
    }


def anthropic_frames(asked: dict[str, Any]) -> Iterator[bytes]:
    """Yield the same answer as Anthropic streams it: usage comes with the first event, and again with the last."""
    whole = anthropic_answer(asked)
    [block] = whole["content"]
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    yield _anthropic_frame("message_start", message=begun)
    yield _anthropic_frame("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for word in str(block["text"]).split(" "):
        delta = {"type": "text_delta", "text": f"{word} "}
        yield _anthropic_frame("content_block_delta", index=0, delta=delta)
    yield _anthropic_frame("content_block_stop", index=0)
    ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield _anthropic_frame("message_delta", delta=ended, usage={"output_tokens": whole["usage"]["output_tokens"]})
    yield _anthropic_frame("message_stop")


def _anthropic_frame(kind: str, **values: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **values})}\n\n".encode()
