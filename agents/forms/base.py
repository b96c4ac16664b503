"""What a form is: a question to a model whose answer has a fixed shape, so that a strategy can read it."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

LINE_MAX_CHARACTERS: Final = 500
TEXT_MAX_CHARACTERS: Final = 40_000

Line = Annotated[str, Field(max_length=LINE_MAX_CHARACTERS)]
Text = Annotated[str, Field(max_length=TEXT_MAX_CHARACTERS)]
Prose = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TEXT_MAX_CHARACTERS)]
"""What a person may be given as the answer: never nothing."""
Name = Annotated[str, Field(min_length=1, max_length=64)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Answer(BaseModel):
    """A filled form. Every field is required, as strict structured output wants it; nothing else may stand in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def as_text(self) -> str:
        """Return the answer as a later step reads it."""
        return self.model_dump_json()


@dataclass(frozen=True, slots=True)
class Form:
    """One form.

    Attributes:
        name: Its name: of its prompt in `templates/prompts/forms/`, and of the schema that the model is given.
        answer: The shape of the answer.
        max_output_tokens: Upper bound of the answer.
    """

    name: str
    answer: type[Answer]
    max_output_tokens: int = 2048
