"""What people say to an agent while it works: read before a turn, through the journal."""

from dataclasses import dataclass
from typing import Final

from agents.context import StepContext
from agents.journal import Journal

MESSAGES: Final = "messages"
_HEADING: Final = "A person says, while you work:"


@dataclass(slots=True)
class Inbox:
    """One agent's mail from people. `heard`: number of the last message that it was given."""

    ctx: StepContext
    journal: Journal
    heard: int = 0

    def hear(self) -> list[dict[str, str]]:
        """Return what is new, as messages of the conversation; asks the database only when there is something.

        A resumed step hears what it heard before, where it heard it.
        """
        recorded = self.journal.next_kind()
        is_new = recorded is None and self.ctx.engine.messages_known() > self.heard
        if recorded != MESSAGES and not is_new:
            return []
        seen = self.journal.observe(MESSAGES, "inbox", self._look)
        self.heard = int(seen["last"])
        return [{"role": "user", "content": f"{_HEADING}\n\n{text}"} for text in seen["texts"]]

    def _look(self) -> dict[str, object]:
        found = self.ctx.engine.messages_after(self.heard)
        mine = [message.text for message in found if message.to in ("", self.ctx.agent_id)]
        return {"last": found[-1].number if found else self.ctx.engine.messages_known(), "texts": mine}
