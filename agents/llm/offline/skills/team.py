"""What an agent of a swarm does for its team: it publishes its result and tells who waits for it."""

import re
from dataclasses import replace
from typing import Final

from agents.llm.offline.conversation import Turn
from agents.llm.offline.skills.base import Skill, WantedCall
from agents.llm.offline.wording import shortened

PUBLISH: Final = "publish_data"
SEND: Final = "send_message"
_NOTES: Final = re.compile(
    r"\n\n(?:Your mail|The team's workspace|Your teammates|Teammates who wait for your result):\n", re.IGNORECASE
)
_WAITING: Final = re.compile(r"Teammates who wait for your result:\n(?P<names>[^\n]+)")
_WORD: Final = re.compile(r"[a-z0-9]+")


def own_task(turn: Turn) -> Turn:
    """Return the turn with the task alone as its instruction: mail and workspace are not what is to be done."""
    if PUBLISH not in turn.tools:
        return turn
    return replace(turn, instruction=_NOTES.split(turn.instruction, maxsplit=1)[0])


def team_calls(turn: Turn, skill: Skill) -> tuple[WantedCall, ...]:
    """Return what is to be published and sent, once, when the work is done."""
    if PUBLISH not in turn.tools or turn.observed(PUBLISH):
        return ()
    own = own_task(turn)
    answer = skill.answer(own)
    topic = "-".join(_WORD.findall(own.instruction.lower())[:6])[:60] or "result"
    calls = [WantedCall(PUBLISH, {"topic": topic, "text": answer[:8000]})]
    found = _WAITING.search(turn.instruction)
    names = found["names"].split(", ") if found and SEND in turn.tools else []
    calls += [WantedCall(SEND, {"to": name, "text": f"Done: {shortened(answer, 300)}"}) for name in names]
    return tuple(calls)
