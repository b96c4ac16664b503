"""A model call as the platform makes it: what may answer it, the asking itself, and the books that are kept of it."""

from agents.llm.calls.call import model_call

__all__ = ["model_call"]
