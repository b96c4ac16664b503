"""Token estimates: cheap, a little too high, and the same everywhere."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.llm.types import ModelRequest

# OpenAI's rule of thumb is four characters of English a token ("What are tokens and how to count them",
# help.openai.com); code, JSON and other scripts take more. Three UTF-8 bytes a token is above what tokenizers of
# current models give for all of these, at the price of reserving about a third too much for plain English.
_UTF8_BYTES_PER_TOKEN: Final = 3
_TOKENS_PER_MESSAGE: Final = 8  # roles and separators, generously
# A picture is paid by its pixels and not by its bytes (Anthropic: width x height / 750, "Vision", docs.claude.com).
# This is above what a large one takes; who sends small ones has more set aside than is used.
_TOKENS_PER_PICTURE: Final = 5_000
_PICTURES: Final = frozenset({"image_url", "input_image"})


def text_tokens_estimate(text: str) -> int:
    """Return an upper estimate of the tokens of a text, 0 for none."""
    return math.ceil(len(text.encode("utf-8", "surrogatepass")) / _UTF8_BYTES_PER_TOKEN)


def prompt_tokens_estimate(request: ModelRequest) -> int:
    """Return an upper estimate of the tokens that a model reads for this request: messages, tools and schema."""
    messages = sum(_message_tokens(message) for message in request.messages)
    return messages + _json_tokens(request.tools or ()) + _json_tokens(request.response_format or {})


def _message_tokens(message: Mapping[str, Any]) -> int:
    content = message.get("content") or ""
    tokens = text_tokens_estimate(content) if isinstance(content, str) else _parts_tokens(content)
    return tokens + _json_tokens(message.get("tool_calls") or ()) + _TOKENS_PER_MESSAGE


def _parts_tokens(content: Any) -> int:
    """Return the tokens of content in parts: texts by their length, pictures by what one costs at most."""
    parts = content if isinstance(content, list | tuple) else [content]
    pictures = sum(1 for part in parts if is_picture(part))
    return pictures * _TOKENS_PER_PICTURE + _json_tokens([part for part in parts if not is_picture(part)])


def is_picture(part: Any) -> bool:
    """Tell whether a part of a message's content is a picture."""
    return isinstance(part, Mapping) and part.get("type") in _PICTURES


def _json_tokens(value: Mapping[str, Any] | Sequence[Any]) -> int:
    return text_tokens_estimate(json.dumps(value, ensure_ascii=False)) if value else 0
