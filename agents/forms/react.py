"""One turn of reasoning and acting."""

from typing import Annotated, Literal

from pydantic import Field

from agents.forms.base import Answer, Form, Line, Text


class React(Answer):
    """`tool` and `arguments` (a JSON object as text) go with "tool", `answer` with "answer"; else they are empty."""

    thought: Line
    action: Literal["tool", "answer"]
    tool: Annotated[str, Field(max_length=64)]
    arguments: Text
    answer: Text

    def as_text(self) -> str:
        """Return the answer, or the thought and the call while there is none."""
        return self.answer or f"{self.thought}\nAction: {self.tool} {self.arguments}"


REACT = Form("react", React, max_output_tokens=4096)
