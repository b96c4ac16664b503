"""Which embedder is used."""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from agents.memory.base import Embedder


def embedder() -> Embedder:
    """Return the process's embedder, the one that `SHANNON_EMBEDDER` names."""
    return _made(settings.SHANNON_EMBEDDER)


@cache
def _made(dotted_path: str) -> Embedder:
    made: Embedder = import_string(dotted_path)()
    return made
