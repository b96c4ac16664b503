"""Vectors of texts by litellm: what it is handed, and what is made of its answer."""

import base64
import math
import struct
from collections.abc import Sequence
from itertools import starmap
from typing import Any, Final

from agents.llm.base import cost_usd_of
from agents.llm.credentials import Credential
from agents.llm.errors import ModelAnswerInvalid, ModelUsage
from agents.llm.estimates import prompt_tokens_estimate
from agents.llm.parameters import access_of, timeout_of
from agents.llm.replies import StatedUsage
from agents.llm.timeouts import CallTimeouts
from agents.llm.types import ModelReply, ModelRequest
from shannon_project.config.catalogue import CatalogueModel, ModelPrice

_FLOAT_BYTES: Final = 4
_OF_ITEM: Final = ("index", "embedding")

Vector = Sequence[float]


def embedding_parameters(
    request: ModelRequest, model: CatalogueModel, credential: Credential, timeouts: CallTimeouts
) -> dict[str, Any]:
    """Return the arguments of `litellm.embedding`."""
    parameters: dict[str, Any] = {
        "model": model.litellm_name,
        "input": [str(message["content"]) for message in request.messages],
        "encoding_format": "float",
        "timeout": timeout_of(timeouts),
        "num_retries": 0,  # retries are ours, as for answers
        "max_retries": 0,
        "allowed_openai_params": ["dimensions"],  # litellm knows them of OpenAI's own models only
    }
    if request.idempotency_key:
        parameters["extra_headers"] = {"Idempotency-Key": request.idempotency_key}
    return {**parameters, **request.options, **access_of(model, credential)}


def embedding_reply(request: ModelRequest, model: CatalogueModel, answer: Any, price: ModelPrice | None) -> ModelReply:
    """Make the reply of what litellm returned.

    Raises:
        ModelAnswerInvalid: It is not one vector of numbers for each text, of one length, and of the one asked for.
    """
    used = _used(request, StatedUsage.of(getattr(answer, "usage", None)), price)
    asked = request.options.get("dimensions")
    vectors = _vectors(getattr(answer, "data", None), len(request.messages), asked)
    if vectors is None:
        length = "" if asked is None else f" of {asked} numbers"
        failure = ModelAnswerInvalid(f"{model.name} did not answer with one vector{length} for each text.")
        failure.used = used
        raise failure
    return ModelReply(
        text="",
        vectors=vectors,
        prompt_tokens=used.prompt_tokens,
        cost_usd=used.cost_usd,
        model=model.name,
        provider=model.provider,
        usage_estimated=used.is_estimate,
    )


def _used(request: ModelRequest, stated: StatedUsage | None, price: ModelPrice | None) -> ModelUsage:
    is_stated = stated is not None and stated.prompt_tokens > 0
    tokens = stated.prompt_tokens if stated is not None and is_stated else prompt_tokens_estimate(request)
    return ModelUsage(tokens, 0, cost_usd_of(price, tokens, 0), is_estimate=not is_stated)


def _vectors(data: Any, count: int, dimensions: int | None) -> tuple[Vector, ...] | None:
    """Return the vectors in the order of the texts; None: they are not what was asked for."""
    if not isinstance(data, list) or len(data) != count:
        return None
    items = list(starmap(_item, enumerate(data)))
    if sorted(place for place, _ in items) != list(range(count)):
        return None
    found = [vector for _, vector in sorted(items, key=lambda item: item[0])]
    lengths = {len(vector) for vector in found}
    is_right = len(lengths) == 1 and 0 not in lengths and (dimensions is None or lengths == {dimensions})
    return tuple(found) if is_right else None


def _item(place: int, item: Any) -> tuple[int, Vector]:
    index, vector = (item.get(name) if isinstance(item, dict) else getattr(item, name, None) for name in _OF_ITEM)
    return index if isinstance(index, int) else place, _numbers(vector)


def _numbers(value: Any) -> Vector:
    """Return a vector, also of base64, which some servers send whatever they are asked for; empty: it is none."""
    if isinstance(value, str):
        try:
            raw = base64.b64decode(value, validate=True)
        except ValueError:
            return ()
        value = list(struct.unpack(f"<{len(raw) // _FLOAT_BYTES}f", raw[: len(raw) // _FLOAT_BYTES * _FLOAT_BYTES]))
    if not isinstance(value, list) or not all(isinstance(number, int | float) for number in value):
        return ()
    return value if all(map(math.isfinite, value)) else ()
