"""What a fork may change, checked by name. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agents.services import EntryOutline
from orchestration.strategies.plan import PlanLimits, plan_parse
from orchestration.types import StepKind
from shannon_project.foundation.errors import InvalidInput

INSTRUCTED_KINDS: Final = frozenset({StepKind.AGENT, StepKind.SYNTHESIZE})


@dataclass(frozen=True, slots=True)
class ToolOutputEdit:
    """What the tool at a position of the journal is made to have answered."""

    position: int
    output: Any


@dataclass(frozen=True, slots=True)
class ForkEdits:
    """Changes of a fork; None: as it was.

    Attributes:
        query: The request, for the fork step and all that follow.
        instructions: The fork step's own instruction.
        model_tier: Tier of the fork step and of all that follow.
        model_override: Their model.
        tool_output: Another answer of a tool that the fork step called.
        plan: Another plan in place of the planner's; the fork step is then not run.
    """

    query: str | None = None
    instructions: str | None = None
    model_tier: str | None = None
    model_override: str | None = None
    tool_output: ToolOutputEdit | None = None
    plan: Mapping[str, Any] | None = None

    @property
    def changes_what_models_are_asked(self) -> bool:
        """Whether a recorded model call of the fork step no longer fits."""
        return any(edit is not None for edit in (self.query, self.instructions, self.model_tier, self.model_override))


def edits_check(edits: ForkEdits, *, kind: StepKind, parameters: Mapping[str, Any]) -> None:
    """Refuse edits that a step of this kind has no use for.

    Raises:
        InvalidInput: Says which edit and why (the caller's fault).
    """
    if edits.instructions is not None and kind not in INSTRUCTED_KINDS:
        raise InvalidInput(f"edits.instructions: steps of the kind {kind} have none; edit the query.")
    if edits.tool_output is not None and edits.changes_what_models_are_asked:
        raise InvalidInput("edits.tool_output: cannot go with edits that repeat the calls before it.")
    if edits.plan is None:
        return
    if kind is not StepKind.PLAN:
        raise InvalidInput(f"edits.plan: fork from the planner's step; this one is of the kind {kind}.")
    limits = PlanLimits(
        known_tools=parameters["tools"],
        known_roles=parameters.get("roles") or (),
        max_subtasks=int(parameters["max_subtasks"]),
    )
    _, problems = plan_parse(edits.plan, limits)
    if problems:
        raise InvalidInput(f"edits.plan: {' '.join(problems)}", details={"problems": problems})


def journal_cut(edits: ForkEdits, *, from_position: int | None, outline: Sequence[EntryOutline]) -> int:
    """Return the first position of the fork step's journal that is not copied.

    What an edit makes unfit is cut off as well: the calls of models that would be asked otherwise, and all that was
    built on a tool's former answer.

    Raises:
        InvalidInput: A position is not in the journal, or holds no tool's answer (the caller's fault).
    """
    if edits.plan is not None and from_position is not None:
        raise InvalidInput("from_position: the planner's step is not run when its plan is given; leave one out.")
    if from_position is not None and from_position > len(outline):
        raise InvalidInput(f"from_position: the step's journal has {len(outline)} finished entries; use 0 to that.")
    edit = edits.tool_output
    if edit is not None:
        return _cut_after_tool(edit.position, from_position, outline)
    cut = from_position or 0
    if edits.changes_what_models_are_asked:
        cut = min([cut, *(entry.position for entry in outline if entry.kind == "model")])
    while cut and outline[cut - 1].kind == "approval":
        cut -= 1  # what a person allowed was done once: who does it anew asks anew
    return cut


def _cut_after_tool(position: int, from_position: int | None, outline: Sequence[EntryOutline]) -> int:
    if position >= len(outline) or outline[position].kind != "tool":
        tools = [entry.position for entry in outline if entry.kind == "tool"]
        raise InvalidInput(
            f"edits.tool_output: at position {position} no tool answered.", details={"tool_positions": tools}
        )
    if from_position is not None and from_position <= position:
        raise InvalidInput("edits.tool_output: lies behind from_position, so it would not be copied.")
    return position + 1
