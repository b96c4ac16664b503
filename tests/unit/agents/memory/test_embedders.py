"""Embedders: the same promises, whoever keeps them."""

import math
import socket
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import NoReturn

import pytest

from agents.memory.base import Embedder
from agents.memory.fake import FakeEmbedder
from agents.memory.wordllama import WordllamaEmbedder
from agents.types import EMBEDDING_DIMENSIONS

WORDLLAMA = WordllamaEmbedder()


def cosine(left: list[float], right: list[float]) -> float:
    """Return the cosine of two vectors of length 1."""
    return sum(a * b for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("embedder", [WORDLLAMA, FakeEmbedder()], ids=["wordllama", "fake"])
def test_vectors_have_the_dimensions_and_length_one(embedder: Embedder) -> None:
    vectors = embedder.embed(["share prices of a company", "", "x" * 5000])
    assert {len(vector) for vector in vectors} == {EMBEDDING_DIMENSIONS}
    lengths = [math.sqrt(cosine(vector, vector)) for vector in vectors]
    assert lengths == pytest.approx([1.0, 0.0, 1.0])


@pytest.mark.parametrize("embedder", [WORDLLAMA, FakeEmbedder()], ids=["wordllama", "fake"])
def test_texts_of_one_subject_are_nearer(embedder: Embedder) -> None:
    shares, prices, rain = embedder.embed(["apple share price", "share price of apple", "rain in seattle"])
    assert cosine(shares, prices) > cosine(shares, rain) + 0.2


def test_wordllama_loads_once_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    embedder = WordllamaEmbedder()
    with ThreadPoolExecutor(8) as pool:
        vectors = list(pool.map(lambda _: embedder.embed(["same words"])[0], range(16)))
    assert all(vector == vectors[0] for vector in vectors)


def test_wordllama_gives_the_vectors_of_its_own_loader() -> None:
    from wordllama import WordLlama  # noqa: PLC0415 - it configures the root logger when it is imported

    texts = ["share prices of a company", "日本語 und ümläute 🙂", "word " * 800, "x" * 3000]
    loader = WordLlama.load(cache_dir=Path(str(files("wordllama"))), disable_download=True, dim=EMBEDDING_DIMENSIONS)
    for ours, theirs in zip(WORDLLAMA.embed(texts), loader.embed(texts, norm=True).tolist(), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-6)
