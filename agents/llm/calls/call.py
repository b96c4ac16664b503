"""A model call as the platform makes it: authorised, paid from budgets, recorded, and made once."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.utils import timezone

from agents.approvals import Permit
from agents.context import Emit, StepContext
from agents.errors import StepDeadlineExceeded, StepSuperseded, TaskCancelled
from agents.journal import Effect, EffectDraft, Journal, canonical_digest
from agents.llm.accounts import usage_json
from agents.llm.books import Books, StepBooks
from agents.llm.calls.account import Account
from agents.llm.calls.asking import Asking
from agents.llm.calls.patience import Patience
from agents.llm.calls.permitted import Permitted
from agents.llm.consent import Consent
from agents.llm.errors import ModelFailure, ModelUsage
from agents.llm.paying import way_hold, way_reserve
from agents.llm.repeats import Repeats
from agents.llm.telling import output_payload
from agents.llm.tracing import model_traced
from agents.llm.types import ModelReply, ModelRequest
from agents.metrics import MODEL_CALLS
from policy.errors import BudgetAsksPerson, BudgetExceeded
from policy.services import refusal_record
from policy.types import Action, Degradation, Hold
from shannon_project.foundation.database import in_database
from shannon_project.foundation.errors import ShannonError

_STEP_BOOKS: Final = StepBooks()


def model_call(ctx: StepContext, journal: Journal, request: ModelRequest, *, books: Books = _STEP_BOOKS) -> ModelReply:
    """Ask a model for a step, or return what an earlier attempt of the step was answered.

    A fresh call is authorised (`model.call`), its estimated tokens and price are set aside in every budget of the
    step before it and settled to the actual ones after it; a failed call is charged for what it used.
    Text is streamed to whoever watches, except plans. What that costs is written to `books`.

    Raises:
        ModelUnknown: The tier or the override names no model. The caller's fault.
        PolicyDenied, ApprovalDenied: A policy, or a person whom it or a budget asked, does not allow the call.
        StepWaits: A person is asked.
        BudgetExceeded: A budget does not cover it, or not for as long as a step's call waits for what others have set
            aside (`SHANNON_BUDGET_WAIT_SECONDS`); the refusal is in the audit log.
        TaskCancelled, StepSuperseded, StepDeadlineExceeded: The step must not go on.
        ShannonError: What the gateway or the journal raised; see `ModelGateway.complete` and `Journal.effect`.
    """
    return _Call(ctx, journal, request, books).run()


@dataclass(slots=True)
class _Call:
    ctx: StepContext
    journal: Journal
    request: ModelRequest
    books: Books
    permit: Permit = field(init=False)
    consent: Consent = field(init=False)
    permitted: Permitted = field(init=False)
    account: Account = field(init=False)
    position: int = 0
    digest: str = ""
    is_begun: bool = False
    began_at: datetime = field(default_factory=timezone.now)

    def __post_init__(self) -> None:
        message = f"May {self.ctx.agent_id} ask a model?"
        self.permit = Permit(self.ctx, self.journal, Action.MODEL_CALL, self._subject, message)
        self.consent = Consent(self.ctx, self.journal, self._subject)

    def run(self) -> ModelReply:
        while self.permit.recall() or self.consent.recall():
            pass  # each of them is asked once
        if self.journal.will_perform():
            self.ctx.engine.checkpoint()
            self.digest = self._digest()  # not in a transaction: budgets are locked there
            self.permitted = Permitted(self.ctx, self.request, self.permit)
        try:
            response = self._effect_when_paid()
        except BudgetAsksPerson as asked:
            self.consent.obtain(asked, self.position)
            response = self._effect_when_paid()
        except BudgetExceeded as error:
            # The reservation's transaction was rolled back with the refusal; only here can it be recorded.
            refused, resource = error, self.permitted.resource()
            in_database(lambda: refusal_record(principal=self.ctx.principal, error=refused, resource=resource))
            raise
        return ModelReply.from_json(response["reply"])

    def _effect_when_paid(self) -> dict[str, Any]:
        """Make the call; a step's waits for money that others have set aside and may not need."""
        patience = Patience()
        while True:
            try:
                return self._effect()
            except BudgetExceeded as error:
                if self.is_begun or not self.books.waits or not patience.waits(error):
                    raise
            self.ctx.engine.checkpoint()

    def _effect(self) -> dict[str, Any]:
        draft = EffectDraft(
            kind="model",
            key=str(self.request.purpose),
            request=self.request.as_json(),
            perform=lambda effect: model_traced(self._perform, self.request, self.permitted.model, effect),
            idempotent=True,  # a model may be asked again: the first answer was seen by nobody
            decisions=self.permit.decisions,
            before=self._reserve,
            after=self._settle,
            on_failure=self._release,
            hold=None if self.ctx.request_limits.is_limited else self._hold,
        )
        return self.journal.effect(draft)

    def _subject(self) -> dict[str, Any]:
        """Return what a person would be asked about."""
        return {"purpose": str(self.request.purpose), "request_sha256": self._digest()}

    def _digest(self) -> str:
        return canonical_digest(self.request.as_json())

    def _hold(self, position: int) -> Hold:
        return way_hold(self.ctx, position, self.permitted.ways[Degradation.NONE])

    def _reserve(self, emit: Emit, position: int) -> None:
        self.position = position
        way = way_reserve(
            self.ctx,
            position=position,
            ways=self.permitted.ways,
            emit=emit,
            books=self.books,
            is_consented=self.consent.is_given,
            was_begun=self.journal.kind_at(position) is not None,
        )
        permitted = self.permitted
        permitted.take(way)
        repeats = Repeats(self.ctx, self.books, position, permitted.model.name, permitted.most, way.amount)
        self.account = Account(
            self.ctx, self.request, permitted, self.books, repeats, position, self.digest, self.began_at
        )
        payload = {
            "model": permitted.model.name,
            "provider": permitted.model.provider,
            "purpose": str(self.request.purpose),
            "messages": len(self.request.messages),
            "prompt_tokens_estimate": permitted.prompt_tokens,
            "max_output_tokens": permitted.max_output_tokens,
            "tools": [tool["function"]["name"] for tool in self.request.tools or ()],
        }
        emit("LLM_PROMPT", f"Asking {permitted.model.name}", payload)

    def _perform(self, effect: Effect) -> dict[str, Any]:
        self.is_begun = True
        account = self.account
        account.asking = asking = Asking(
            self.ctx, self.request, self.permitted, effect.position, effect.idempotency_key, account.repeats.cover
        )
        try:
            reply = asking.reply()
        except (ModelFailure, BudgetExceeded) as error:
            account.lost = asking.route.lost(but_last=False)
            if account.lost is not None:
                _charge(effect, account.lost)
                error.details["used"] = usage_json(account.lost)
            raise
        except (TaskCancelled, StepSuperseded, StepDeadlineExceeded):
            account.abandon()
            raise
        account.lost = asking.route.lost(but_last=reply.hit is None)
        _charge(effect, account.total(reply))
        return {"reply": reply.as_json(), **asking.times()}

    def _settle(self, emit: Emit, _position: int, response: dict[str, Any]) -> None:
        reply, account = ModelReply.from_json(response["reply"]), self.account
        account.settle(emit, reply)
        attempts = len(account.asking.route.attempts)
        told = output_payload(self.request, reply, response, attempts=attempts, lost=account.lost)
        emit("LLM_OUTPUT", f"{reply.model} answered", told)
        MODEL_CALLS.labels(model=reply.model, outcome="ok").inc()

    def _release(self, emit: Emit, _position: int, error: ShannonError) -> None:
        self.account.release(emit)
        MODEL_CALLS.labels(model=self.permitted.model.name, outcome=error.code).inc()


def _charge(effect: Effect, used: ModelUsage) -> None:
    effect.charge(prompt_tokens=used.prompt_tokens, completion_tokens=used.completion_tokens, cost_usd=used.cost_usd)
