"""What no rule fits: said plainly, with what there is."""

from agents.llm.offline.conversation import Turn
from agents.llm.offline.planner.parts import focus_in
from agents.llm.offline.skills.base import Skill
from agents.llm.offline.skills.small_talk import WHAT_I_CAN
from agents.llm.offline.wording import is_unreadable, shortened


class UnreadableSkill(Skill):
    """Refuses what is no wording, before any other rule tries to read it."""

    name = "unreadable"

    def fits(self, turn: Turn) -> bool:
        """Whether there is a stretch that is too long to be a word."""
        return is_unreadable(turn.instruction)

    def answer(self, turn: Turn) -> str:
        """Why nothing was done."""
        del turn
        return "I do not read requests with a word, or a gap, of more than 400 characters; put such data into a file."


class UnknownSkill(Skill):
    """Says that it cannot know."""

    name = "unknown"

    def fits(self, turn: Turn) -> bool:
        """Fits everything; asked last."""
        del turn
        return True

    def answer(self, turn: Turn) -> str:
        """That it does not know, what it can do, and the results it was given."""
        focus, request = focus_in(turn.instruction.strip().split("\n\n")[0])  # what follows is said by strategies
        of = f" about {focus}" if focus else ""
        text = f"I cannot answer this{of}: “{shortened(request, 200)}” needs knowledge or judgement. {WHAT_I_CAN}"
        if turn.dependencies:
            text += f"\n\nThe results that it builds on say:\n\n{turn.dependencies}"
        return text
