"""How many texts go to a model of vectors at once."""

import pytest

from agents.direct.bodies import EmbeddingsBody
from agents.direct.embeddings import _requests
from shannon_project.config.catalogue import Ability, CatalogueModel


@pytest.mark.parametrize(("at_once", "sizes"), [(2, [2, 2, 1]), (5, [5]), (100, [5]), (None, [5])])
def test_texts_beyond_what_a_model_takes_at_once_are_asked_for_in_several_calls(
    at_once: int | None, sizes: list[int]
) -> None:
    model = CatalogueModel(
        name="v",
        litellm_name="openai/v",
        provider="p",
        abilities=frozenset({Ability.EMBEDDING}),
        texts_at_once=at_once,
    )
    body = EmbeddingsBody.of({"model": "v", "input": ["a", "b", "c", "d", "e"], "dimensions": 7})

    requests = list(_requests(body, body.texts(), model))

    assert [len(request.messages) for request in requests] == sizes
    assert [message["content"] for request in requests for message in request.messages] == ["a", "b", "c", "d", "e"]
    assert all(request.options == {"dimensions": 7} for request in requests)
