"""What turns text into a place in the space of meanings."""

from collections.abc import Sequence
from typing import Protocol


class Embedder(Protocol):
    """Embeds texts. Implementations are thread-safe and load what they need at the first use."""

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of `EMBEDDING_DIMENSIONS` numbers and length 1 per text; all zeros for an empty one."""
        ...
