"""An embedder for tests: texts are alike when they share words."""

import hashlib
import math
from collections.abc import Sequence

from agents.types import EMBEDDING_DIMENSIONS


class FakeEmbedder:
    """Counts words into hashed dimensions, and the texts it was asked for."""

    def __init__(self) -> None:
        """Start with no texts seen."""
        self.embedded = 0

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector per text; the same text gives the same vector on every machine."""
        self.embedded += len(texts)
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        vector = [0.0] * EMBEDDING_DIMENSIONS
        for word in text.lower().split():
            place = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % EMBEDDING_DIMENSIONS
            vector[place] += 1.0
        length = math.sqrt(sum(number * number for number in vector))
        return [number / length for number in vector] if length else vector
