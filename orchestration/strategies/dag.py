"""Plan, fan out, join: subtasks run as soon as what they depend on is done."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from orchestration.errors import PlanInvalid
from orchestration.strategies.base import Fail, Finish, Move, Spawn, Strategy, StrategyParameters, Tier, Wait
from orchestration.strategies.making import StepMaker
from orchestration.strategies.plan import Plan, PlanLimits, Subtask, plan_parse
from orchestration.strategies.reading import all_ended, done_of, fail_of, failed_of, finish_with, is_done, text_of
from orchestration.types import StepKind, StepSpec, StepView, TaskView

PLAN_KEY = "plan"
REPAIR_KEY = "plan-repair"
SYNTHESIS_KEY = "synthesize"


class DagParameters(StrategyParameters):
    """Of planned work."""

    execution: Literal["hybrid", "parallel", "sequential"] = Field(
        "hybrid",
        description="hybrid: as the plan's dependencies say. parallel: a plan with dependencies is refused. "
        "sequential: one subtask after another, each told the result before it.",
    )
    max_subtasks: int | None = Field(None, ge=1, le=20, description="Widest plan; absent: 20.")
    synthesize: bool = Field(True, description="False: the results are the answer as they stand, one after another.")


class DagStrategy(Strategy):
    """A planner's subtasks, one agent each, and a synthesis of what they found.

    A plan that is not valid is repaired once, with its problems shown to the model, and refused after that.
    """

    name: ClassVar[str] = "dag"
    summary: ClassVar[str] = "A planner splits the request, agents work on the parts at once, a synthesis joins them."
    use_when: ClassVar[str] = "Several things to be done alike, or several steps of which some need others' results."
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset(
        {StepKind.PLAN, StepKind.SYNTHESIZE, StepKind.AGENT, StepKind.DECIDE}
    )
    parameters: ClassVar[type[StrategyParameters]] = DagParameters
    remembers: ClassVar[bool] = True
    parts: ClassVar[Mapping[str, Tier | None]] = {"plan": "large", "work": None, "synthesize": "medium"}
    needs_tokens: ClassVar[int] = 8_000
    plan_keys: ClassVar[frozenset[str]] = frozenset({PLAN_KEY, REPAIR_KEY})
    degrades_to: ClassVar[str] = "simple"

    def next(self, view: TaskView) -> Move:
        """Plan first, then spawn the plan's steps, then answer with the synthesis."""
        given = DagParameters.of(view)
        make = StepMaker(type(self), given)
        drafted = view.steps.get(REPAIR_KEY) or view.steps.get(PLAN_KEY)
        if drafted is None:
            return Spawn(steps=(_plan_step(make, given, PLAN_KEY),))
        if drafted.error is not None:
            return Fail(error=drafted.error)
        if drafted.output is None:
            return Wait()
        agents = [key for key, step in view.steps.items() if step.kind is StepKind.AGENT]
        if agents:
            return _answer(view, agents)
        return _from_draft(view, make, given, drafted, drafted.output)


def _plan_step(make: StepMaker, given: DagParameters, key: str, **asked_again: Any) -> StepSpec:
    title = "Mend the plan" if asked_again else "Plan the work"
    rules = {
        "hybrid": None,
        "parallel": "All subtasks run at the same time: none may depend on another.",
        "sequential": "Subtasks run one after another in your order; each is told the result before it.",
    }
    more = {"max_subtasks": given.max_subtasks, "rule": rules[given.execution], **asked_again}
    return make.plan(key, "plan", title, **more)


def _answer(view: TaskView, agents: list[str]) -> Move:
    """Return the synthesis' answer; without a synthesis the one agent's, or all agents' one after another."""
    metadata = failed_of(view, agents)
    last = view.steps.get(SYNTHESIS_KEY) or (view.steps[agents[0]] if len(agents) == 1 else None)
    if last is not None:
        if is_done(last):
            return finish_with(view, last.key, **metadata)
        return Fail(error=last.error) if last.error is not None else Wait()
    if not all_ended(view, agents):
        return Wait()
    done = done_of(view, agents)
    if not done:
        return fail_of(view, agents)
    parts = [f"## {view.steps[key].title}\n\n{text_of(view, key)}" for key in done]
    parts += [f"## {item['title']}\n\nNot done: {item['error']}" for item in metadata.get("failed_subtasks", [])]
    return Finish(result="\n\n".join(parts), metadata=metadata, built_on=done)


def _from_draft(view: TaskView, make: StepMaker, given: DagParameters, drafted: StepView, output: Any) -> Move:
    limits = PlanLimits(
        known_tools=tuple(view.parameters["tools"]),
        known_roles=tuple(view.parameters.get("roles") or ()),
        max_subtasks=min(int(view.parameters["max_subtasks"]), given.max_subtasks or 20),
        may_depend=given.execution != "parallel",
    )
    plan, problems = plan_parse(output.get("plan"), limits)
    if plan is not None:
        return Spawn(steps=_plan_steps(make, given, plan), message=f"Planned {len(plan.subtasks)} subtasks")
    if drafted.key == PLAN_KEY:
        previous = {"previous_plan": output.get("plan"), "previous_text": output.get("text", ""), "problems": problems}
        repair = _plan_step(make, given, REPAIR_KEY, **previous)
        return Spawn(steps=(repair,), message="The plan is not valid; asking once more")
    error = PlanInvalid(f"The plan is not valid: {' '.join(problems)}", details={"problems": problems})
    return Fail(error=error.as_json())


def _plan_steps(make: StepMaker, given: DagParameters, plan: Plan) -> tuple[StepSpec, ...]:
    """Return one agent step per subtask and, when there are several, the synthesis of them all."""
    single = len(plan.subtasks) == 1
    before = {
        later.subtask_id: earlier.subtask_id for earlier, later in zip(plan.subtasks, plan.subtasks[1:], strict=False)
    }
    agents = []
    for subtask in plan.subtasks:
        needed = subtask.depends_on
        if given.execution == "sequential" and subtask.subtask_id in before:
            needed = tuple(dict.fromkeys((*needed, before[subtask.subtask_id])))
        agents.append(_agent(make, subtask, needed, is_final=single))
    if single or not given.synthesize:
        return tuple(agents)
    keys = [step.key for step in agents]
    title, instruction = "Combine the results", plan.synthesis_instruction
    return (*agents, make.synthesize(SYNTHESIS_KEY, "synthesize", title, instruction, depends_on=keys))


def _agent(make: StepMaker, subtask: Subtask, needed: tuple[str, ...], *, is_final: bool) -> StepSpec:
    more: dict[str, Any] = {"tier": subtask.tier} if subtask.tier and "work" not in make.parameters.tiers else {}
    return make.agent(
        f"agent-{subtask.subtask_id}",
        "work",
        subtask.title,
        subtask.full_instruction,
        depends_on=[f"agent-{name}" for name in needed],
        tools=list(subtask.tools),
        is_final=is_final,
        role=subtask.role or None,
        answer_format=subtask.output_format or None,
        **more,
    )
