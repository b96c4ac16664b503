"""One side of a debate."""

from agents.forms.base import Answer, Form, Line, Prose, Share


class Argument(Answer):
    """`position`: in one sentence. `argument`: what speaks for it, and against what the others said."""

    position: Line
    argument: Prose
    confidence: Share

    def as_text(self) -> str:
        """Return position and argument as prose."""
        return f"**{self.position}** (confidence {self.confidence:.2f})\n\n{self.argument}"


ARGUMENT = Form("argument", Argument, max_output_tokens=3072)
