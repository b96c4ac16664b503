"""How a request wants to be worked on: its fields and the context keys that mean the same, as one value. Pure."""

from orchestration.wishes.reading import MAX_ITERATIONS, RESEARCH_DEPTHS, Wishes, tier_by_request, wishes_of

__all__ = ["MAX_ITERATIONS", "RESEARCH_DEPTHS", "Wishes", "tier_by_request", "wishes_of"]
