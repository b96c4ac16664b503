"""A step's code, run again against its journal: it must ask for the same in the same order, and come to the same."""

import time
from typing import Any, Final

from agents.context import StepContext
from agents.errors import JournalMismatch
from agents.services import EffectWanted, ReplayEngine, ReplayJournal, storable_json
from orchestration.engine.claim import ClaimedStep
from orchestration.engine.facts import TaskFacts
from orchestration.engine.kinds import KINDS, Work
from orchestration.errors import ReplayDiffers
from orchestration.replaying.history import PastStep
from orchestration.types import StepKind, StepStatus
from shannon_project.foundation.errors import DEFECTS, ShannonError

_DEADLINE_SECONDS: Final = 3600.0
NOT_RUN: Final = frozenset({StepKind.NOOP, StepKind.MESSAGE})  # they do nothing that is recorded


def effects_replay(past: PastStep, facts: TaskFacts, recorded: int, *, with_prompts: bool) -> int:
    """Run a step's code again without any effect; return how many recorded effects it read.

    Args:
        past: The step.
        facts: Of its task.
        recorded: How many effects its journal holds.
        with_prompts: Whether models must be asked the same, word for word.

    Raises:
        ReplayDiffers: It asks for something else, for more or less, or comes to another end; `details` say where.
    """
    work = _work(past, facts, with_prompts=with_prompts)
    try:
        outcome = KINDS[past.spec.kind].execute(work)
    except JournalMismatch as error:
        details = error.details
        raise _differs(past, details["position"], details["recorded"], details["asked"]) from error
    except EffectWanted as error:
        # A step that failed stopped before an effect that a policy, a budget or a lost worker did not let happen.
        if past.status is StepStatus.SUCCEEDED:
            raise _differs(past, work.journal.position, None, "an effect that is not recorded") from error
        return recorded
    except (ShannonError, *DEFECTS) as error:
        code = error.as_json()["code"] if isinstance(error, ShannonError) else ShannonError.code
        if past.status is StepStatus.SUCCEEDED or code != (past.error or {}).get("code"):
            came_to = code if isinstance(error, ShannonError) else f"it breaks: {type(error).__name__}"
            raise _differs(past, work.journal.position, (past.error or {}).get("code"), came_to) from error
        return recorded
    if past.status is StepStatus.SUCCEEDED:
        _compare(past, work, storable_json(outcome.output or {})[0], recorded)
    return recorded


def _compare(past: PastStep, work: Work, output: dict[str, Any], recorded: int) -> None:
    if work.journal.position != recorded:
        raise _differs(past, work.journal.position, f"{recorded} effects", f"{work.journal.position} effects")
    if output != dict(past.output or {}):
        raise _differs(past, None, past.output, output)


def _differs(past: PastStep, position: int | None, recorded: Any, replayed: Any) -> ReplayDiffers:
    return ReplayDiffers.at("step", position, step_key=past.spec.key, recorded=recorded, replayed=replayed)


def _work(past: PastStep, facts: TaskFacts, *, with_prompts: bool) -> Work:
    step = ClaimedStep(
        step_id=past.step_id,
        task_id=facts.task_id,
        key=past.spec.key,
        kind=past.spec.kind,
        title=past.spec.title,
        input=dict(past.spec.input),
        depends_on=past.spec.depends_on,
        attempt=past.attempt,
        failures=0,
    )
    ctx = StepContext(
        principal=facts.principal,
        task_id=facts.task_id,
        step_id=step.step_id,
        step_key=step.key,
        attempt=step.attempt,
        session_id=facts.session_id,
        agent_id=KINDS[step.kind].agent_id(step),
        budgets=facts.budgets,
        deadline_monotonic_seconds=time.monotonic() + _DEADLINE_SECONDS,
        engine=ReplayEngine(),
    )
    return Work(ctx=ctx, journal=ReplayJournal(ctx, with_prompts=with_prompts), step=step, facts=facts)
