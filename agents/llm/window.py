"""Makes a request fit into a model's window, by a stated policy, so that no provider has to refuse it.

Tokens are counted generously (`estimates`). When prompt and allowed answer are more than the window holds:

1. The answer may be shorter, down to 256 tokens or a quarter of what was allowed, whichever is more.
2. Results of other steps that the prompt quotes are cut in their middle, the longest first, down to one length, and not
   below 2,000 characters.
3. The oldest exchanges are left out, whole: an assistant's message goes with the results of the tools that it called.
   What opens the conversation (system prompt, first question) and its last message stay. A note says how much is gone.
4. Quoted results are cut down to 400 characters, and then the longest texts; each says so.

What does not fit even then is refused here, with numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from agents.llm.errors import ModelWindowExceeded
from agents.llm.estimates import prompt_tokens_estimate, text_tokens_estimate
from agents.llm.passages import CUT, cut_in_the_middle, passages_cut
from agents.llm.types import ModelRequest
from shannon_project.config.catalogue import CatalogueModel

LEAST_OUTPUT_TOKENS: Final = 256
LEAST_RESULT_CHARACTERS: Final = 2_000  # a quoted result is not cut below this while anything else can go
LEAST_TEXT_CHARACTERS: Final = 400  # a text is not cut below this
_LEFT_OUT: Final = "[{count} earlier messages were left out: they do not fit into the model's window.]"
_CUTS_MAX: Final = 200

Messages = list[dict[str, Any]]


def fits(request: ModelRequest, model: CatalogueModel) -> bool:
    """Tell whether the request fits as it is; a window that is not known holds everything."""
    window = model.context_window_tokens
    if model.is_embedding:
        return window is None or _longest_text_tokens(request) <= window
    return window is None or prompt_tokens_estimate(request) + request.max_output_tokens <= window


def fitted(request: ModelRequest, model: CatalogueModel) -> ModelRequest:
    """Return the request as it fits.

    Raises:
        ModelWindowExceeded: It cannot be made to fit; `details`: window, prompt and output tokens. The caller's fault.
    """
    window = model.context_window_tokens
    if window is None or fits(request, model):
        return request
    if model.is_embedding:  # a text of which a part was left out would have another meaning
        tokens = _longest_text_tokens(request)
        raise ModelWindowExceeded(
            f"One text has about {tokens:,} tokens; {model.name} takes {window:,} of each.",
            details={"model": model.name, "window_tokens": window, "prompt_tokens": tokens},
        )
    least = min(request.max_output_tokens, max(LEAST_OUTPUT_TOKENS, request.max_output_tokens // 4))
    shorter = replace(request, max_output_tokens=max(least, window - prompt_tokens_estimate(request)))
    if fits(shorter, model):
        return shorter
    request = replace(request, max_output_tokens=least)
    request = passages_cut(request, window - least, least_characters=LEAST_RESULT_CHARACTERS)
    request = _without_oldest(request, model)
    if not fits(request, model):
        request = passages_cut(request, window - least, least_characters=LEAST_TEXT_CHARACTERS)
    if not fits(request, model):
        request = _with_cut_texts(request, window - least)
    if not fits(request, model):
        prompt_tokens = prompt_tokens_estimate(request)
        raise ModelWindowExceeded(
            f"The request does not fit into the {window:,} tokens of {model.name}, even shortened: it has about "
            f"{prompt_tokens:,} and asks for {least:,}.",
            details={
                "model": model.name,
                "window_tokens": window,
                "prompt_tokens": prompt_tokens,
                "max_output_tokens": least,
            },
        )
    return request


def _longest_text_tokens(request: ModelRequest) -> int:
    return max((text_tokens_estimate(str(message["content"])) for message in request.messages), default=0)


def _without_oldest(request: ModelRequest, model: CatalogueModel) -> ModelRequest:
    """Leave out the oldest exchanges, as many as need be."""
    opening, middle, ending = _parts(request.messages)
    left_out = 0
    while middle and not fits(_with(request, opening, left_out, middle, ending), model):
        left_out += len(middle[0])
        middle = middle[1:]
    return _with(request, opening, left_out, middle, ending)


def _with(
    request: ModelRequest, opening: Messages, left_out: int, middle: Sequence[Messages], ending: Messages
) -> ModelRequest:
    note = [{"role": "user", "content": _LEFT_OUT.format(count=left_out)}] if left_out else []
    return replace(request, messages=[*opening, *note, *(message for group in middle for message in group), *ending])


def _parts(messages: Sequence[Mapping[str, Any]]) -> tuple[Messages, list[Messages], Messages]:
    """Return what opens the conversation, its exchanges, and its last one."""
    copied = [dict(message) for message in messages]
    opening_length = 0
    while opening_length < len(copied) and copied[opening_length].get("role") in {"system", "developer"}:
        opening_length += 1
    if opening_length < len(copied) - 1 and copied[opening_length].get("role") == "user":
        opening_length += 1
    groups: list[Messages] = []
    for message in copied[opening_length:]:
        if message.get("role") == "tool" and groups:
            groups[-1].append(message)
        else:
            groups.append([message])
    ending = groups.pop() if groups else []
    return copied[:opening_length], groups, ending


def _with_cut_texts(request: ModelRequest, prompt_tokens: int) -> ModelRequest:
    """Cut the longest text in its middle, again and again, until the prompt has so many tokens or nothing is long."""
    messages = [dict(message) for message in request.messages]
    for _ in range(_CUTS_MAX):
        request = replace(request, messages=messages)
        too_many = prompt_tokens_estimate(request) - prompt_tokens
        place = max(range(len(messages)), key=lambda index: _length(messages[index]), default=0)
        length = _length(messages[place]) if messages else 0
        if too_many <= 0 or length <= LEAST_TEXT_CHARACTERS:
            break
        text = str(messages[place]["content"])
        tokens_each = text_tokens_estimate(text) / length
        keep = max(LEAST_TEXT_CHARACTERS // 2, length - int(too_many / tokens_each) - 2 * len(CUT))
        keep = min(keep, length - 2 * len(CUT)) if length > 4 * len(CUT) else LEAST_TEXT_CHARACTERS // 2
        messages[place] = {**messages[place], "content": cut_in_the_middle(text, keep)}
    return request


def _length(message: Mapping[str, Any]) -> int:
    content = message.get("content")
    return len(content) if isinstance(content, str) else 0
