"""A critic's judgement of a draft."""

from typing import Annotated, Literal

from pydantic import Field

from agents.forms.base import Answer, Form, Line, Share


class Critique(Answer):
    """`score`: 1 is as good as it can be. `issues`: what to change, most important first."""

    score: Share
    verdict: Literal["accept", "revise"]
    issues: Annotated[list[Line], Field(max_length=10)]


CRITIQUE = Form("critique", Critique)
