"""A judge's conclusion from several results."""

from typing import Annotated

from pydantic import Field

from agents.forms.base import Answer, Form, Line, Name, Prose


class Verdict(Answer):
    """`winner`: the id of the result that convinced. `answer`: what the reader is told."""

    winner: Name
    reasons: Annotated[list[Line], Field(max_length=10)]
    answer: Prose

    def as_text(self) -> str:
        """Return the answer alone."""
        return self.answer


VERDICT = Form("verdict", Verdict, max_output_tokens=4096)
