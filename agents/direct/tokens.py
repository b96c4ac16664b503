"""Texts that come as token ids, which some clients of OpenAI's API send by default.

All of OpenAI's models for vectors read one encoding, `cl100k_base` ("Embeddings", platform.openai.com), and so do the
clients that count before they send (LangChain takes it for names that it does not know, too). So ids are made the text
that they stand for: policies, redaction, prices and the models of all providers know nothing else.
"""

import os
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import tiktoken

_ENCODING: Final = "cl100k_base"
_SHIPPED: Final = ("litellm_core_utils", "tokenizers")  # in litellm's package: the library fetches it over the network


def tokens_text(ids: Sequence[int]) -> str:
    """Return the text of token ids; where a character was cut in two, the part of it is a replacement character.

    Raises:
        ValueError: One of them is no token (the caller's fault).
    """
    try:
        text: str = _encoding().decode(list(ids))
    except (KeyError, OverflowError) as error:
        raise ValueError(f"a number is no token of {_ENCODING}; send texts") from error
    return text


@cache
def _encoding() -> Any:
    """Load the encoding: a third of a second, once per process that is sent tokens."""
    found = find_spec("litellm")
    if found is not None and found.origin is not None:
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(Path(found.origin).parent.joinpath(*_SHIPPED)))
    return tiktoken.get_encoding(_ENCODING)
