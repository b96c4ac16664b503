"""What the lead of a team decides."""

from typing import Annotated, Literal

from pydantic import Field

from agents.forms.base import Answer, Form, Line, Name, Text


class Assignment(Answer):
    """A task for one agent. `owner`: its name. `depends_on`: ids of tasks of this list or earlier ones."""

    id: Name
    title: Line
    instruction: Text
    owner: Name
    role: Annotated[str, Field(max_length=64)]
    tools: Annotated[list[Name], Field(max_length=20)]
    depends_on: Annotated[list[Name], Field(max_length=20)]


class Mail(Answer):
    """A message to one agent."""

    to: Name
    text: Line


class Lead(Answer):
    """`tasks` go with "delegate"; with "finish", `note` says how the results are to be put together."""

    decision: Literal["delegate", "finish"]
    note: Line
    tasks: Annotated[list[Assignment], Field(max_length=20)]
    messages: Annotated[list[Mail], Field(max_length=20)]


LEAD = Form("lead", Lead, max_output_tokens=8192)
