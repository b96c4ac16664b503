"""What the offline model can do: one file a skill. The first that fits an instruction does the work."""

from typing import Final

from agents.llm.offline.conversation import Turn
from agents.llm.offline.skills.arithmetic import ArithmeticSkill
from agents.llm.offline.skills.base import Skill, WantedCall
from agents.llm.offline.skills.code_block import CodeBlockSkill
from agents.llm.offline.skills.csv_statistics import CsvStatisticsSkill
from agents.llm.offline.skills.files import FileListSkill, FileReadSkill
from agents.llm.offline.skills.number_work import NumberWorkSkill
from agents.llm.offline.skills.recall import RecallSkill
from agents.llm.offline.skills.saving import WRITE, GivenTextSavingSkill, saved_sentence, saving_path
from agents.llm.offline.skills.small_talk import GreetingSkill, RepeatSkill, ToldFactSkill
from agents.llm.offline.skills.team import own_task, team_calls
from agents.llm.offline.skills.text_work import TextWorkSkill
from agents.llm.offline.skills.unknown import UnknownSkill, UnreadableSkill

_SKILLS: Final[tuple[Skill, ...]] = (
    CodeBlockSkill(),
    UnreadableSkill(),
    ToldFactSkill(),
    RecallSkill(),
    NumberWorkSkill(),
    TextWorkSkill(),
    CsvStatisticsSkill(),
    ArithmeticSkill(),
    GivenTextSavingSkill(),
    FileListSkill(),
    FileReadSkill(),
    GreetingSkill(),
    RepeatSkill(),
    UnknownSkill(),
)


def skill_for(turn: Turn) -> Skill:
    """Return the skill that does the work."""
    return next(skill for skill in _SKILLS if skill.fits(turn))


def tools_needed(turn: Turn) -> set[str]:
    """Return the names of the offered tools that the work will call, the saving of its result included."""
    skill = skill_for(turn)
    tools = {call.tool for call in skill.calls(turn)}
    return tools | {WRITE} if saving_path(turn) else tools


def next_calls(turn: Turn) -> tuple[WantedCall, ...]:
    """Return the tool calls to make now: the skill's own, then the saving of its answer, then none."""
    whole, turn = turn, own_task(turn)
    skill = skill_for(turn)
    if not turn.observations:
        calls = skill.calls(turn)
        if calls:
            return calls
    posts = team_calls(whole, skill)
    if posts:
        return posts
    path = saving_path(turn)
    is_saver = isinstance(skill, GivenTextSavingSkill)
    if (
        path is None
        or is_saver
        or WRITE not in turn.tools
        or turn.observed(WRITE)
        or isinstance(skill, UnknownSkill | UnreadableSkill)
    ):
        return ()
    return (WantedCall(WRITE, {"path": path, "content": skill.answer(turn) + "\n"}),)


def final_answer(turn: Turn) -> str:
    """Return the answer once no more calls are wanted."""
    turn = own_task(turn)
    skill = skill_for(turn)
    answer = skill.answer(turn)
    if saving_path(turn) is None or isinstance(skill, GivenTextSavingSkill | UnknownSkill | UnreadableSkill):
        return answer
    return f"{answer}\n\n{saved_sentence(turn)}"


__all__ = ["WantedCall", "final_answer", "next_calls", "skill_for", "tools_needed"]
