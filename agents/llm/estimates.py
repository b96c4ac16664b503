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


def text_tokens_estimate(text: str) -> int:
    """Return an upper estimate of the tokens of a text, 0 for none."""
    return math.ceil(len(text.encode("utf-8", "surrogatepass")) / _UTF8_BYTES_PER_TOKEN)


def prompt_tokens_estimate(request: ModelRequest) -> int:
    """Return an upper estimate of the tokens that a model reads for this request: messages, tools and schema."""
    messages = sum(_message_tokens(message) for message in request.messages)
    return messages + _json_tokens(request.tools or ()) + _json_tokens(request.response_format or {})


def _message_tokens(message: Mapping[str, Any]) -> int:
    content = message.get("content") or ""
    tokens = text_tokens_estimate(content) if isinstance(content, str) else _json_tokens(content)
    return tokens + _json_tokens(message.get("tool_calls") or ()) + _TOKENS_PER_MESSAGE


def _json_tokens(value: Mapping[str, Any] | Sequence[Any]) -> int:
    return text_tokens_estimate(json.dumps(value, ensure_ascii=False)) if value else 0
