"""Asking a person: a step waits for the answer without holding a worker, and goes on from its journal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agents.context import Emit, StepContext
from agents.errors import ApprovalDenied, StepWaits
from agents.journal import Effect, EffectDraft, Journal
from agents.types import ApprovalAnswer, ApprovalAsk, AskedBy
from policy.errors import ApprovalRequired, PolicyDenied
from policy.services import authorize
from policy.types import Action, Decision

APPROVAL: Final = "approval"


def approval_ask(
    ctx: StepContext, journal: Journal, ask: ApprovalAsk, *, announce: Callable[[Emit], None] | None = None
) -> ApprovalAnswer:
    """Ask a person and wait: the way for everything that a step may not decide by itself.

    The question is an effect of kind `approval` in the step's journal. The first call puts it (an Approval row and the
    event APPROVAL_REQUESTED) and raises `StepWaits`, which the engine catches: the step becomes `waiting` and its
    worker is free. When somebody has decided, or the time is over, the step is run again, comes to the same call by
    its journal, and gets the answer. Whoever calls this lets `StepWaits` pass, and must not be inside another effect.

    A denial is an answer like any other, not an exception: the caller knows what follows from it.

    Args:
        ctx: The step.
        journal: Its journal; the question takes its next position.
        ask: What is asked. Only `action` and `subject` must be the same when the step is run again.
        announce: Emits more events, once, in the transaction that puts the question.

    Raises:
        StepWaits: Nobody has decided yet.
        TaskPaused, TaskCancelled, StepSuperseded: The step must not go on.
        JournalMismatch: An earlier attempt asked something else here.
    """
    return ApprovalAnswer.from_json(journal.effect(approval_draft(ctx, ask, announce=announce)))


def approval_draft(
    ctx: StepContext, ask: ApprovalAsk, *, announce: Callable[[Emit], None] | None = None
) -> EffectDraft:
    """Return the effect of asking a person, for `Journal.effects`; its response is an `ApprovalAnswer` as JSON."""

    def perform(effect: Effect) -> dict[str, Any]:
        answer = ctx.engine.approval_answer(effect.position)
        if answer is None:
            raise StepWaits(details={"position": effect.position, "action": ask.action})
        return answer.as_json()

    def put(emit: Emit, position: int) -> None:
        if ctx.engine.approval_request(position, ask, emit) and announce is not None:
            announce(emit)

    return EffectDraft(
        kind=APPROVAL,
        key=ask.action,
        request={"action": ask.action, "subject": dict(ask.subject)},
        perform=perform,
        idempotent=True,
        before=put,
        is_instant=True,
    )


def is_asked_next(journal: Journal, action: str) -> bool:
    """Tell whether an earlier attempt put this question at the journal's next position."""
    return journal.next_kind() == APPROVAL and journal.next_key() == action


@dataclass(slots=True)
class Permit:
    """Whether one effect of a step may happen: what the policies say, and a person where one is to be asked.

    Attributes:
        action: What policies decide about.
        subject: Makes what a person would decide about, the same in each attempt; called only when one is asked.
        message: The question to a person.
        modifiable: What of the subject a person may change.
        answer: What a person said; None: nobody was asked.
        decisions: What policies decided, as JSON, to be kept with the effect.
    """

    ctx: StepContext
    journal: Journal
    action: Action
    subject: Callable[[], Mapping[str, Any]]
    message: str
    modifiable: tuple[str, ...] = ()
    answer: ApprovalAnswer | None = None
    decisions: list[dict[str, Any]] = field(default_factory=list)

    def recall(self) -> bool:
        """Read what a person said in an earlier attempt; call it before the effect looks at its own position.

        Returns:
            Whether there was such a question at the next position.

        Raises:
            StepWaits: A person was asked and has not decided.
        """
        is_there = self.answer is None and is_asked_next(self.journal, str(self.action))
        if is_there:
            self.answer = approval_ask(self.ctx, self.journal, self.question(AskedBy.POLICY))
        return is_there

    def obtain(self, resource: Mapping[str, Any], *, asked_by_tool: bool = False) -> Decision:
        """Ask the policies, and a person if they or the tool want one. What a person allowed, a policy may still deny.

        Returns:
            The policies' decision, with its obligations.

        Raises:
            PolicyDenied: A policy does not allow it.
            ApprovalDenied: A person did not allow it, or nobody decided in time.
            StepWaits: A person is asked.
        """
        decision, ask = self.decide(resource, asked_by_tool=asked_by_tool)
        if ask is not None and self.journal.next_kind() is None:  # what began in an earlier attempt was allowed then
            self.answer = approval_ask(self.ctx, self.journal, ask)
            self._check_answer(self.answer)
        return decision

    def decide(
        self, resource: Mapping[str, Any], *, asked_by_tool: bool = False
    ) -> tuple[Decision, ApprovalAsk | None]:
        """Ask the policies only; return their decision, and what a person is to be asked who has not answered yet.

        Raises:
            PolicyDenied: A policy does not allow it.
            ApprovalDenied: A person has answered, and did not allow it.
        """
        if self.answer is not None:
            self._check_answer(self.answer)
        try:
            decision = authorize(principal=self.ctx.principal, action=self.action, resource=resource)
        except PolicyDenied as error:
            if error.decision is None:
                raise
            decision, asked_by = error.decision, AskedBy.POLICY
            self.note(resource, decision)
            if not isinstance(error, ApprovalRequired):
                raise
        else:
            asked_by = AskedBy.TOOL
            self.note(resource, decision)
            if not asked_by_tool:
                return decision, None
        if self.answer is not None:
            return decision, None
        why = {"rule": decision.rule, "reason": decision.reason} if asked_by is AskedBy.POLICY else {}
        return decision, self.question(asked_by, decision.obligations, {**why, "resource": dict(resource)})

    def note(self, resource: Mapping[str, Any], decision: Decision) -> None:
        """Keep a decision about the effect; of what it was about, the name."""
        about = resource.get("name") or resource.get("model")
        self.decisions.append({"action": str(self.action), "about": about, **decision.as_json()})

    def question(
        self, asked_by: AskedBy, obligations: Mapping[str, Any] | None = None, why: Mapping[str, Any] | None = None
    ) -> ApprovalAsk:
        """Return what a person is asked about this effect."""
        return ApprovalAsk(
            action=str(self.action),
            subject=self.subject(),
            message=self.message,
            requested_by=asked_by,
            context=why or {},
            modifiable=self.modifiable,
            **waiting_terms(obligations or {}),
        )

    def _check_answer(self, answer: ApprovalAnswer) -> None:
        if not answer.approved:
            raise denied(answer)


def waiting_terms(obligations: Mapping[str, Any]) -> dict[str, Any]:
    """Return how long a policy wants to wait and what then holds, as fields of `ApprovalAsk`.

    `approval_timeout_seconds` is a number above 0; `approval_default` is `approve` or, like anything else, a denial.
    """
    seconds = obligations.get("approval_timeout_seconds")
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0
    return {
        "timeout_seconds": float(seconds) if is_number else None,  # type: ignore[arg-type]
        "approve_by_default": obligations.get("approval_default") == "approve",
    }


def denied(answer: ApprovalAnswer) -> ApprovalDenied:
    """Return the error of what was not allowed, with what the person said."""
    said = f" They said: {answer.feedback}" if answer.feedback else ""
    message = "Nobody allowed this in time." if answer.expired else f"A person did not allow this.{said}"
    details = {"approval_id": str(answer.approval_id), "decided_by": answer.decided_by, "feedback": answer.feedback}
    return ApprovalDenied(message, details=details)
