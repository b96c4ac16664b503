"""The simple strategy: one agent, nothing hidden."""

from orchestration.strategies import STRATEGIES, Fail, Finish, Spawn, Wait
from orchestration.types import StepKind, StepStatus
from tests.unit.orchestration.strategies.views import error_of, step, view_of

SIMPLE = STRATEGIES["simple"]


def test_a_new_task_gets_exactly_one_agent_with_the_whole_request() -> None:
    move = SIMPLE.next(view_of(query="What is 2 + 2?"))
    assert isinstance(move, Spawn)
    assert [spec.kind for spec in move.steps] == [StepKind.AGENT]
    assert move.steps[0].input == {"instruction": "What is 2 + 2?", "is_final": True}


def test_it_waits_while_the_agent_works() -> None:
    assert SIMPLE.next(view_of(step("agent", StepKind.AGENT, StepStatus.RUNNING))) == Wait()


def test_the_agents_text_is_the_answer() -> None:
    done = step("agent", StepKind.AGENT, StepStatus.SUCCEEDED, output={"text": "4"})
    assert SIMPLE.next(view_of(done)) == Finish(result="4", from_step="agent")


def test_the_agents_error_is_the_tasks_error() -> None:
    failed = step("agent", StepKind.AGENT, StepStatus.FAILED, error=error_of("no model"))
    assert SIMPLE.next(view_of(failed)) == Fail(error=error_of("no model"))
