"""What a kind of step does. One file per kind, all alike."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from agents.context import StepContext
from agents.selectors import role_for, role_names
from agents.services import Journal
from agents.types import SubtaskResult
from orchestration.engine.claim import ClaimedStep
from orchestration.engine.facts import TaskFacts
from orchestration.engine.results import results_of
from orchestration.types import StepKind, StepOutcome
from policy.types import Charge


@dataclass(frozen=True, slots=True)
class Work:
    """One claimed step with all that its kind may use."""

    ctx: StepContext
    journal: Journal
    step: ClaimedStep
    facts: TaskFacts


class KindExecutor(ABC):
    """Executes steps of one kind."""

    kind: ClassVar[StepKind]
    only_computes: ClassVar[bool] = False
    """Whether its steps wait for nothing outside: a process does few of them at once, since they share an interpreter.
    """
    announces_start: ClassVar[bool] = True
    """Whether readers are told that the step has begun: together with the start of its first effect."""

    def agent_id(self, step: ClaimedStep) -> str:
        """Return the name under which the step appears in events."""
        return step.key

    def charges(self, work: Work) -> tuple[Charge, ...]:  # noqa: ARG002 - most kinds pay as they go
        """Return what is charged together with the outcome."""
        return ()

    @abstractmethod
    def execute(self, work: Work) -> StepOutcome:
        """Do the step's work.

        Raises:
            ShannonError: The step failed; `retryable` says whether another attempt may help.
        """


def tenant_of(work: Work) -> UUID:
    """Return the tenant whose files and memory the step may see."""
    return work.ctx.principal.tenant_id


def results_for(work: Work, share_characters: Callable[[int], int]) -> list[SubtaskResult]:
    """Return how the steps that this one depends on ended: as much of each as its reader is told.

    Args:
        work: The step.
        share_characters: How much of each text is told, by the number of texts.
    """
    keys = work.step.depends_on
    return results_of(
        tenant_id=tenant_of(work),
        task_id=work.ctx.task_id,
        keys=keys,
        max_characters=share_characters(len(keys)),
        names=work.step.input.get("names") or (),
    )


def tier_for(work: Work, default: str) -> str:
    """Return the step's model tier: what its strategy was told for it, else the request's, else the strategy's own."""
    asked = work.step.input
    asked_for = asked.get("tier") or work.facts.parameters.get("model_tier")
    return str(asked_for or asked.get("default_tier") or default)


def model_for(work: Work) -> str | None:
    """Return the model that the step or the request names; None: its tier decides."""
    return work.step.input.get("model") or work.facts.parameters.get("model_override")


def tools_told(work: Work) -> frozenset[str]:
    """Return the tools of which a model may be told: those of the step, else those of the task."""
    shown = work.step.input.get("tools_shown")
    return frozenset(work.facts.parameters["tools"] if shown is None else shown)


def roles_told(work: Work) -> list[tuple[str, str]]:
    """Return name and description of each role, as they were when the task was submitted."""
    parameters = work.facts.parameters
    known = parameters.get("role_descriptions") or {name: role_for(name).description for name in role_names()}
    return [(name, known[name]) for name in parameters.get("roles") or known]


def history_seen(work: Work) -> tuple[tuple[str, str], ...]:
    """Return the conversation before the request, through the journal.

    A message that commits between two attempts of the step must not change what was asked.
    """
    seen = work.journal.observe("session", "history", lambda: {"history": work.facts.conversation()})
    return tuple((role, content) for role, content in seen["history"])


def text_output(text: str, **more: Any) -> dict[str, Any]:
    """Return the output of a step whose result is text."""
    return {"text": text, **more}
