"""The gate of this process."""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from agents.llm.gate.base import Gate


def gate_in_use() -> Gate:
    """Return this process's gate of the class that `SHANNON_MODEL_GATE` names."""
    return _gate_of(settings.SHANNON_MODEL_GATE)


@cache
def _gate_of(dotted_path: str) -> Gate:
    gate: Gate = import_string(dotted_path)()
    return gate
