"""Executing one claimed step: what its kind does, and what becomes of errors."""

import time
from dataclasses import replace

import structlog
from django.db import DatabaseError, InterfaceError, connection

from agents.errors import StepSuperseded, StepWaits, TaskCancelled, TaskPaused, WorkerStopping
from agents.services import Journal, is_packed, step_usage, storable_json, value_pack, value_unpack
from agents.types import Usage
from orchestration.engine.claim import ClaimedStep
from orchestration.engine.facts import TaskFacts
from orchestration.engine.kinds import KINDS, Work
from orchestration.engine.lease import Lease, leases_hand_back
from orchestration.engine.outcome import StepEnd
from orchestration.engine.retries import max_attempts, retry_seconds
from orchestration.engine.step_engine import step_context
from orchestration.events.write import EventDraft
from orchestration.types import EventKind, StepOutcome, StepStatus
from shannon_project.foundation.database import connection_release
from shannon_project.foundation.errors import ShannonError, Unavailable
from shannon_project.foundation.logs import log_context

log = structlog.get_logger(__name__)


def execute(step: ClaimedStep, lease: Lease, facts: TaskFacts) -> StepEnd | None:
    """Execute one claimed step. Returns how it ended, or None when it is not ours any more."""
    kind = KINDS[step.kind]
    agent_id = kind.agent_id(step)
    untold = [_started(step, agent_id)] if kind.announces_start else []  # told when its first effect begins
    ctx = step_context(step, lease, facts, agent_id=agent_id, untold=untold)
    work = Work(ctx=ctx, journal=Journal(ctx), step=step, facts=facts)
    started = time.monotonic()
    with log_context(step_id=step.step_id, step_key=step.key):
        try:
            ctx.engine.checkpoint()
            if is_packed(step.input):
                step = replace(step, input=value_unpack(ctx.principal.tenant_id, step.input))
                work = replace(work, step=step)
            outcome = _storable(work, kind.execute(work))
            outcome = replace(outcome, usage=work.journal.usage)
            end = StepEnd(step, StepStatus.SUCCEEDED, outcome, charges=kind.charges(work))
            end = replace(end, notes=tuple(work.journal.pending_notes()))
        except StepSuperseded:
            log.warning("step_superseded", attempt=step.attempt)
            return None
        except (TaskPaused, StepWaits, WorkerStopping) as stop:
            _set_aside(step, lease, stop)
            return None
        except TaskCancelled as error:
            end = StepEnd(step, StepStatus.CANCELLED, StepOutcome(error=error.as_json(), usage=_spent(step)))
        except ShannonError as error:
            end = _failed(step, facts, error)
        except (DatabaseError, InterfaceError) as error:
            log.warning("step_lost_the_database", error=str(error))
            connection.close()
            end = _failed(step, facts, Unavailable("The database did not answer while the step ran."))
        except Exception as error:
            log.exception("step_broke")
            end = _failed(step, facts, ShannonError(f"The step broke: {type(error).__name__}; the log has the rest."))
        finally:
            connection_release()
    return replace(end, events=(*untold, _end_event(end, work, round((time.monotonic() - started) * 1000))))


def _set_aside(step: ClaimedStep, lease: Lease, stop: ShannonError) -> None:
    """Hand back a step that is to go on from its journal later or elsewhere; a lease that cannot be given lapses."""
    log.info("step_set_aside", code=stop.code, attempt=step.attempt)
    try:
        leases_hand_back([lease])
    except (DatabaseError, InterfaceError) as error:
        log.warning("step_not_handed_back", error=str(error))


def _storable(work: Work, outcome: StepOutcome) -> StepOutcome:
    """Return the outcome as its row can keep it. What a model wrote may hold NUL, half characters or NaN.

    What is large is stored apart, before the outcome is written: the row holds references.

    Raises:
        ValueError: It holds a number that JSON has no word for.
    """
    if outcome.output is None:
        return outcome
    stored, size_bytes = storable_json(outcome.output)
    return replace(outcome, output=value_pack(work.ctx.principal.tenant_id, stored, size_bytes=size_bytes))


def _started(step: ClaimedStep, agent_id: str) -> EventDraft:
    payload = {
        "step_key": step.key,
        "kind": step.kind,
        "title": step.title,
        "attempt": step.attempt,
        "depends_on": list(step.depends_on),
    }
    return EventDraft(EventKind.AGENT_STARTED, step.title, payload, step.key, agent_id)


def _failed(step: ClaimedStep, facts: TaskFacts, error: ShannonError) -> StepEnd:
    """Try again if that may help and the step has attempts and its task has time left."""
    outcome = StepOutcome(error=error.as_json(), usage=_spent(step))
    seconds = retry_seconds(
        kind=step.kind, failures=step.failures, error=error.as_json(), seconds_left=facts.seconds_left
    )
    if seconds is not None:
        return StepEnd(step, StepStatus.READY, outcome, retry_after_seconds=seconds)
    log.info("step_failed", code=error.code, error=error.message)
    return StepEnd(step, StepStatus.FAILED, outcome)


def _spent(step: ClaimedStep) -> Usage:
    """Return what a step that did not succeed has used all the same, from its journal."""
    try:
        return step_usage(step.step_id)
    except (DatabaseError, InterfaceError) as error:
        log.warning("usage_unknown", error=str(error))
        return Usage(cost_usd=None)


def _end_event(end: StepEnd, work: Work, duration_ms: int) -> EventDraft:
    step = end.step
    usage = end.outcome.usage
    payload = {
        "step_key": step.key,
        "kind": step.kind,
        "title": step.title,
        "status": str(end.status),
        "attempt": step.attempt,
        "duration_ms": duration_ms,
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.total_tokens,
            "cost_usd": None if usage.cost_usd is None else str(usage.cost_usd),
            "model_calls": usage.model_calls,
            "tool_calls": usage.tool_calls,
        },
    }
    kind = EventKind.AGENT_COMPLETED
    message = step.title
    if end.status is StepStatus.READY:
        kind = EventKind.ERROR_RECOVERY
        payload["retry_in_seconds"] = round(end.retry_after_seconds or 0.0, 3)
        payload["failures"], payload["max_attempts"] = step.failures + 1, max_attempts(step.kind)
        reason = (end.outcome.error or {}).get("message", "")
        message = f"{step.title}: tried again in {end.retry_after_seconds or 0:.1f} s: {reason}"
    elif end.status is StepStatus.FAILED:
        kind = EventKind.ERROR_OCCURRED
        message = f"{step.title}: {(end.outcome.error or {}).get('message', '')}"
    if end.outcome.error is not None:
        payload["error"] = end.outcome.error
    return EventDraft(kind, message, payload, step.key, work.ctx.agent_id)
