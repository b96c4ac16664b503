"""Static word vectors from the wordllama wheel: no network, no GPU, no server."""

import math
import threading
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from agents.types import EMBEDDING_DIMENSIONS


class WordllamaEmbedder:
    """Averages 256-dimensional word vectors: about 100,000 short texts a second; it knows no word order."""

    def __init__(self) -> None:
        """Load nothing yet: only workers embed, and the vectors are 16 MB."""
        self._lock = threading.Lock()
        self._model: Any = None

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector per text."""
        vectors = self._loaded().embed(list(texts), norm=False)
        return [_of_length_one([float(number) for number in vector]) for vector in vectors]

    def _loaded(self) -> Any:
        with self._lock:
            if self._model is None:
                # Imported here because web processes and commands must not pay for it.
                from wordllama import WordLlama  # noqa: PLC0415

                # Its loader looks for the tokenizer in a folder that the wheel does not have, unless told to
                # look in the package as in a cache.
                self._model = WordLlama.load(
                    cache_dir=Path(str(files("wordllama"))), disable_download=True, dim=EMBEDDING_DIMENSIONS
                )
            return self._model


def _of_length_one(vector: list[float]) -> list[float]:
    """Scale the vector; wordllama's own scaling makes NaN of a text without words."""
    length = math.sqrt(sum(number * number for number in vector))
    return [number / length for number in vector] if length else vector
