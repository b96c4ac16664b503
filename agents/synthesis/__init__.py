"""Synthesis: a model makes one answer of the subtasks' results."""
