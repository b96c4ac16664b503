"""Scores of several results."""

from typing import Annotated

from pydantic import Field

from agents.forms.base import Answer, Form, Line, Name, Share


class Score(Answer):
    """`id`: of the result. `score`: how likely it leads to a good answer."""

    id: Name
    score: Share
    reason: Line


class Scores(Answer):
    """One score for each result."""

    scores: Annotated[list[Score], Field(min_length=1, max_length=40)]


SCORES = Form("scores", Scores)
