"""A chain of thought: the steps of an argument, and what follows."""

from typing import Annotated

from pydantic import Field

from agents.forms.base import Answer, Form, Line, Prose, Share


class Chain(Answer):
    """`thoughts`: one after another. `confidence`: that the answer is right."""

    thoughts: Annotated[list[Line], Field(min_length=1, max_length=12)]
    answer: Prose
    confidence: Share

    def as_text(self) -> str:
        """Return the answer alone."""
        return self.answer


CHAIN = Form("chain", Chain, max_output_tokens=4096)
