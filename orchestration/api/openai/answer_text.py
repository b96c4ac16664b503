"""The text of an answer that is streamed while it comes to be. Pure.

Pieces are live only: some may be lost, and a step that another worker takes over writes its text from the beginning.
What was sent cannot be taken back, so a text is sent as far as it agrees with what was sent before, and the stored
answer at the end adds what is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_BREAK = "\n\n"


@dataclass(slots=True)
class AnswerText:
    """Decides what of an answer's pieces is sent. Each method returns the text to send now, which may be empty.

    Attributes:
        stop: Texts before the first of which the answer ends, as OpenAI's `stop` has it.
        is_whole: Nothing is sent before the stored answer: what is still being written may not fit its form.
        stopped: Whether one was met; nothing is sent any more.
    """

    stop: Sequence[str] = ()
    is_whole: bool = False
    stopped: bool = False
    _seen: str = ""
    _shown: str = ""
    _held: str = ""
    _place: tuple[int, int] = (-1, 0)

    def add(self, piece: str, *, position: int = 0, attempt: int = 1) -> str:
        """Take a piece of a text that is being written.

        Args:
            piece: What comes next of it.
            position: The model call's place in its step's journal. A later one is another text: what was written
                before was said beside tool calls and is no answer.
            attempt: The step's attempt that writes. A later one writes the same text from its beginning.
        """
        place = (position, attempt)
        if self.is_whole or place < self._place:
            return ""
        lead = self._turn(place)
        return lead + self._add(piece)

    def _turn(self, place: tuple[int, int]) -> str:
        """Go to another text or attempt, and return what parts it from the text before."""
        is_other_text, is_other_attempt = place[0] > self._place[0], place > self._place
        self._place = place
        if is_other_attempt:
            self._seen = ""
        if not is_other_text:
            return ""
        had_text, self._shown = bool(self._shown), ""
        return self._cut(_BREAK) if had_text else ""

    def _add(self, piece: str) -> str:
        self._seen += piece
        if len(self._seen) <= len(self._shown) or not self._seen.startswith(self._shown):
            return ""
        new, self._shown = self._seen[len(self._shown) :], self._seen
        return self._cut(new)

    def finish(self, answer: str) -> str:
        """Return what the stored answer has beyond what was sent."""
        if answer.startswith(self._shown):
            rest = answer[len(self._shown) :]
        else:
            # The model's text is stripped before it is stored; anything else that differs is said in full.
            rest = "" if self._shown.strip() == answer.strip() else _BREAK + answer
        out = self._cut(rest)
        held, self._held = self._held, ""
        return out if self.stopped else out + held

    def _cut(self, text: str) -> str:
        """Return the text up to a stop, without an end that may be the beginning of one."""
        if self.stopped or not self.stop:
            return "" if self.stopped else text
        text = self._held + text
        places = [place for place in (text.find(stop) for stop in self.stop) if place >= 0]
        if places:
            self.stopped, self._held = True, ""
            return text[: min(places)]
        keep = max(
            (size for stop in self.stop for size in range(1, len(stop)) if text.endswith(stop[:size])), default=0
        )
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]
