"""Plan, fan out, join: subtasks run as soon as what they depend on is done."""

from typing import Any, ClassVar

from orchestration.errors import PlanInvalid
from orchestration.strategies.base import Fail, Finish, Move, Spawn, Strategy, Wait
from orchestration.strategies.plan import Plan, plan_parse
from orchestration.types import OnDependencyFailure, StepKind, StepSpec, StepStatus, StepView, TaskView

PLAN_KEY = "plan"
REPAIR_KEY = "plan-repair"
SYNTHESIS_KEY = "synthesize"


class DagStrategy(Strategy):
    """A planner's subtasks, one agent each, and a synthesis of what they found.

    A plan that is not valid is repaired once, with its problems shown to the model, and refused after that.
    """

    name: ClassVar[str] = "dag"
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset({StepKind.PLAN, StepKind.SYNTHESIZE, StepKind.AGENT})

    def next(self, view: TaskView) -> Move:
        """Plan first, then spawn the plan's steps, then answer with the synthesis."""
        drafted = view.steps.get(REPAIR_KEY) or view.steps.get(PLAN_KEY)
        if drafted is None:
            return Spawn(steps=(_plan_step(PLAN_KEY, {}),))
        if drafted.error is not None:
            return Fail(error=drafted.error)
        if drafted.output is None:
            return Wait()
        last = _last_step(view)
        if last is not None:
            return _answer(last)
        return _from_draft(view, drafted, drafted.output)


def _plan_step(key: str, extra: dict[str, Any]) -> StepSpec:
    return StepSpec(key=key, kind=StepKind.PLAN, title="Plan the work" if not extra else "Mend the plan", input=extra)


def _last_step(view: TaskView) -> StepView | None:
    """Return the step whose text is the answer, when the plan's steps have been spawned."""
    if SYNTHESIS_KEY in view.steps:
        return view.steps[SYNTHESIS_KEY]
    return next((step for step in view.steps.values() if step.kind is StepKind.AGENT), None)


def _answer(last: StepView) -> Move:
    if last.status is StepStatus.SUCCEEDED and last.output is not None:
        return Finish(result=str(last.output["text"]))
    if last.error is not None:
        return Fail(error=last.error)
    return Wait()


def _from_draft(view: TaskView, drafted: StepView, output: Any) -> Move:
    plan, problems = plan_parse(
        output.get("plan"),
        known_tools=view.parameters["tools"],
        max_subtasks=int(view.parameters["max_subtasks"]),
    )
    if plan is not None:
        return Spawn(steps=_plan_steps(plan), message=f"Planned {len(plan.subtasks)} subtasks")
    if drafted.key == PLAN_KEY:
        asked_again = {
            "previous_plan": output.get("plan"),
            "previous_text": output.get("text", ""),
            "problems": problems,
        }
        repair = _plan_step(REPAIR_KEY, asked_again)
        return Spawn(steps=(repair,), message="The plan is not valid; asking once more")
    error = PlanInvalid(f"The plan is not valid: {' '.join(problems)}", details={"problems": problems})
    return Fail(error=error.as_json())


def _plan_steps(plan: Plan) -> tuple[StepSpec, ...]:
    """Return one agent step per subtask and, when there are several, the synthesis of them all."""
    single = len(plan.subtasks) == 1
    agents = tuple(
        StepSpec(
            key=f"agent-{subtask.subtask_id}",
            kind=StepKind.AGENT,
            title=subtask.title,
            input={"instruction": subtask.instruction, "tools": list(subtask.tools), "is_final": single},
            depends_on=tuple(f"agent-{name}" for name in subtask.depends_on),
        )
        for subtask in plan.subtasks
    )
    if single:
        return agents
    synthesis = StepSpec(
        key=SYNTHESIS_KEY,
        kind=StepKind.SYNTHESIZE,
        title="Combine the results",
        input={"instruction": plan.synthesis_instruction},
        depends_on=tuple(step.key for step in agents),
        on_dependency_failure=OnDependencyFailure.RUN,
    )
    return (*agents, synthesis)
