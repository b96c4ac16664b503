"""Which strategy a request needs."""

from typing import Annotated

from pydantic import Field

from agents.forms.base import Answer, Form, Line, Name, Share


class RouteChoice(Answer):
    """`strategy`: one of the offered names."""

    strategy: Name
    confidence: Share
    reasons: Annotated[list[Line], Field(max_length=5)]


ROUTE = Form("route", RouteChoice, max_output_tokens=512)
