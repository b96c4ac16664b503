"""Token estimates: cheap, a little too high, and the same everywhere."""

import json
import math
import string
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.llm.types import ModelRequest

# Words: OpenAI's rule of thumb is four characters of English a token ("What are tokens and how to count them",
# help.openai.com); three bytes are above what tokenizers of current models give for prose and programs. Numbers,
# tables, keys and other scripts take up to three times as many, so those are counted by kind; a test holds the counts
# against a tokenizer.
_UTF8_BYTES_PER_TOKEN: Final = 3
_LETTERS: Final = string.ascii_letters.encode()
_DIGITS: Final = string.digits.encode()
_NOT_ASCII: Final = bytes(range(0x80, 0x100))
_NOT_FIRST: Final = bytes(range(0xC0))  # of a character of several bytes
_FIRST_OF_TWO: Final = bytes(range(0xC0, 0xE0))
_FIRST_OF_FOUR: Final = bytes(range(0xF0, 0x100))
_WORD_LETTERS: Final = 7  # of a word, on average, at most; more of them among digits are a key or an encoding
_COUNTED_BEFORE_MAX: Final = 4_096
_REMEMBERED_FROM_CHARACTERS: Final = 256
_TOKENS_PER_MESSAGE: Final = 8  # roles and separators, generously
# A picture is paid by its pixels and not by its bytes (Anthropic: width x height / 750, "Vision", docs.claude.com).
# This is above what a large one takes; who sends small ones has more set aside than is used.
_TOKENS_PER_PICTURE: Final = 5_000
_PICTURES: Final = frozenset({"image_url", "input_image"})
_UNSEEN_TOKENS_PER_SECOND: Final = 100  # few models write faster; what is not seen is not counted too low
_NO_REASONING: Final = frozenset({None, "none"})


def text_tokens_estimate(text: str) -> int:
    """Return an upper estimate of the tokens of a text, 0 for none."""
    if len(text) < _REMEMBERED_FROM_CHARACTERS:
        return _counted(text)
    # A prompt is looked at several times in each call: a text keeps its own hash, and the count is kept under that.
    name = (hash(text), len(text))
    found = _counted_before.get(name)
    if found is None:
        if len(_counted_before) >= _COUNTED_BEFORE_MAX:
            _counted_before.clear()
        found = _counted_before[name] = _counted(text)
    return found


_counted_before: Final[dict[tuple[int, int], int]] = {}


def _counted(text: str) -> int:
    raw = text.encode("utf-8", "surrogatepass")
    ascii_bytes, others = (raw, 0.0) if text.isascii() else (raw.translate(None, _NOT_ASCII), _beyond_ascii(raw))
    rest = ascii_bytes.translate(None, _LETTERS)
    letters, spaces = len(ascii_bytes) - len(rest), rest.count(b" ")
    digits = len(rest) - len(rest.translate(None, _DIGITS))  # some models read each as a token of its own
    signs = len(rest) - spaces - digits
    encoded = min(max(0, letters - _WORD_LETTERS * (spaces + signs)), _WORD_LETTERS * digits)
    by_kind = (letters - encoded) / 4 + encoded * 0.85 + spaces * 0.3 + digits + signs * 0.75 + others
    return math.ceil(max(len(raw) / _UTF8_BYTES_PER_TOKEN, by_kind))


def _beyond_ascii(raw: bytes) -> float:
    """Return the tokens of the characters that are not ASCII, by the first bytes of their UTF-8."""
    first = raw.translate(None, _NOT_FIRST)
    two = len(first) - len(first.translate(None, _FIRST_OF_TWO))  # Latin with accents, Greek, Cyrillic, Arabic, Hebrew
    four = len(first) - len(first.translate(None, _FIRST_OF_FOUR))  # emoji, rare scripts
    rare, indic = first.count(b"\xe1"), first.count(b"\xe0")  # Ethiopic, Khmer, Georgian; scripts of India, Thai, Lao
    rest = len(first) - two - four - rare - indic  # Chinese, Japanese, Korean, signs
    return two + 3 * (four + rare) + 1.5 * indic + rest * 4 / 3


def unseen_tokens_estimate(request: ModelRequest, *, seconds: float, is_streamed: bool) -> int:
    """Return how much of an answer a model may have written of which nothing came in this time.

    A streamed one shows its first word at once, unless the model was asked to think before it.
    """
    if is_streamed and not is_reasoning_asked(request):
        return 0
    return min(request.max_output_tokens, math.ceil(seconds * _UNSEEN_TOKENS_PER_SECOND))


def is_reasoning_asked(request: ModelRequest) -> bool:
    """Tell whether the model is asked to think before it answers."""
    return request.options.get("reasoning_effort") not in _NO_REASONING


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
