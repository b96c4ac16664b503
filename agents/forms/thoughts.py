"""Ways to go on from where a line of thought stands."""

from typing import Annotated

from pydantic import Field

from agents.forms.base import Answer, Form, Prose


class Thought(Answer):
    """`is_final`: it answers the request as it stands."""

    thought: Prose
    is_final: bool


class Thoughts(Answer):
    """`thoughts`: each a different way to go on."""

    thoughts: Annotated[list[Thought], Field(min_length=1, max_length=8)]

    def as_text(self) -> str:
        """Return the thoughts as a numbered list."""
        return "\n\n".join(f"{number}. {item.thought}" for number, item in enumerate(self.thoughts, start=1))


THOUGHTS = Form("thoughts", Thoughts, max_output_tokens=4096)
