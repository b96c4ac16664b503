"""A vote on several results."""

from typing import Annotated

from pydantic import Field

from agents.forms.base import Answer, Form, Line, Name


class Ballot(Answer):
    """`ranking`: ids of all results, the best first."""

    ranking: Annotated[list[Name], Field(min_length=1, max_length=20)]
    reason: Line


BALLOT = Form("ballot", Ballot, max_output_tokens=1024)
