"""Cutting the results that a prompt quotes, so that the prompt fits: the longest give first, all down to one length."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from agents.llm.estimates import prompt_tokens_estimate, text_tokens_estimate
from agents.llm.types import ModelRequest

CUT: Final = "\n[… {count} characters were left out here …]\n"


def cut_in_the_middle(text: str, keep_characters: int) -> str:
    """Return a text without its middle, which says how much is gone; its ends tell most."""
    half = keep_characters // 2
    return f"{text[:half]}{CUT.format(count=len(text) - 2 * half)}{text[len(text) - half :]}"


def passages_cut(request: ModelRequest, prompt_tokens: int, *, least_characters: int) -> ModelRequest:
    """Return the request with its quoted results cut until the prompt has so many tokens, or all are short.

    Tokens are counted. Short results stay whole; of the others as much is kept of each as of any other.

    Args:
        request: The request; `quoted` names the results within its messages.
        prompt_tokens: What the prompt may have.
        least_characters: No result is cut below this.
    """
    too_many = prompt_tokens_estimate(request) - prompt_tokens
    long = [text for text in dict.fromkeys(request.quoted) if len(text) > least_characters + 2 * len(CUT)]
    if too_many <= 0 or not long:
        return request
    lengths = {text: text_tokens_estimate(text) for text in long}
    level = _level(list(lengths.values()), sum(lengths.values()) - too_many)
    shorter = {text: _kept(text, tokens, level, least_characters) for text, tokens in lengths.items() if tokens > level}
    messages = []
    for message in request.messages:
        content = message.get("content")
        if isinstance(content, str):
            for text, kept in shorter.items():
                content = content.replace(text, kept)
            messages.append({**message, "content": content})
        else:
            messages.append(dict(message))
    return replace(request, messages=messages, quoted=[shorter.get(text, text) for text in request.quoted])


def _level(lengths: Sequence[int], room: int) -> int:
    """Return the length to which the longest are cut so that all together take no more than the room; 0 if none is."""
    ordered, left = sorted(lengths), max(room, 0)
    for place, length in enumerate(ordered):
        share = left // (len(ordered) - place)
        if length > share:
            return share
        left -= length
    return max(ordered, default=0)


def _kept(text: str, tokens: int, level: int, least_characters: int) -> str:
    keep = int(len(text) * level / tokens) - 2 * len(CUT)
    return cut_in_the_middle(text, min(max(keep, least_characters), len(text) - 2 * len(CUT)))
