"""Synthesis: a model makes one answer of the subtasks' results."""

from agents.synthesis.answers import SynthesisRequest, answer_synthesize

__all__ = ["SynthesisRequest", "answer_synthesize"]
