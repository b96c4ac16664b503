"""A model call as the platform makes it: authorised, paid from budgets, recorded, and made once."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from agents.approvals import Permit
from agents.context import Emit, StepContext
from agents.errors import StepDeadlineExceeded, StepSuperseded, TaskCancelled
from agents.journal import Effect, Journal, canonical_digest
from agents.llm.accounts import lost_charge, settlement_of, usage_count, usage_json
from agents.llm.base import ModelGateway, gateway_in_use
from agents.llm.books import Books, Ended, StepBooks
from agents.llm.caching import answer_through_caches, cache_rules
from agents.llm.choosing import Chosen, choose
from agents.llm.consent import Consent
from agents.llm.deltas import DeltaBuffer
from agents.llm.errors import ModelFailure, ModelUsage
from agents.llm.estimates import prompt_tokens_estimate
from agents.llm.gate import gate_in_use
from agents.llm.paying import TIER_BELOW, Way, shorter, way_hold, way_of, way_reserve
from agents.llm.records import CallFacts, CallRows, calls_write
from agents.llm.repeats import Repeats
from agents.llm.retry import RetryLimits
from agents.llm.routing import Route, used_by
from agents.llm.structured import answer_checked, schema_of
from agents.llm.telling import output_payload
from agents.llm.tracing import model_traced
from agents.llm.types import ModelPurpose, ModelReply, ModelRequest
from agents.metrics import MODEL_CALLS
from policy.errors import BudgetAsksPerson, BudgetExceeded
from policy.services import budget_release, decide, refusal_record
from policy.types import Action, Amount, Degradation, Hold, Verdict
from shannon_project.config.catalogue import CatalogueModel
from shannon_project.foundation.database import in_database
from shannon_project.foundation.errors import ShannonError

_FOR_US = frozenset({ModelPurpose.PLAN, ModelPurpose.DECIDE})  # their answers are JSON, not text for a person


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
        BudgetExceeded: A budget does not cover it; the refusal is in the audit log.
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
    gateway: ModelGateway = field(init=False)
    chosen: Chosen = field(init=False)
    models: tuple[CatalogueModel, ...] = field(init=False)
    route: Route = field(init=False)
    digest: str = field(init=False, default="")
    schema: Mapping[str, Any] | None = field(init=False, default=None)
    began_at: datetime = field(default_factory=timezone.now)
    max_output_tokens: int = field(init=False, default=0)
    prompt_tokens: int = field(init=False, default=0)
    ways: Mapping[Degradation, Way] = field(init=False)
    position: int = field(init=False, default=0)
    lost: ModelUsage | None = field(init=False, default=None)
    """What attempts of this call used whose answer was not taken."""
    repeats: Repeats = field(init=False)
    permit: Permit = field(init=False)
    consent: Consent = field(init=False)

    def __post_init__(self) -> None:
        message = f"May {self.ctx.agent_id} ask a model?"
        self.permit = Permit(self.ctx, self.journal, Action.MODEL_CALL, self._subject, message)
        self.consent = Consent(self.ctx, self.journal, self._subject)

    @property
    def model(self) -> CatalogueModel:
        """The first choice."""
        return self.models[0]

    def run(self) -> ModelReply:
        while self.permit.recall() or self.consent.recall():
            pass  # each of them is asked once
        if self.journal.will_perform():
            self._prepare()
        try:
            response = self._effect()
        except BudgetAsksPerson as asked:
            self.consent.obtain(asked, self.position)
            response = self._effect()
        except BudgetExceeded as error:
            # The reservation's transaction was rolled back with the refusal; only here can it be recorded.
            refused, resource = error, self._resource()
            in_database(lambda: refusal_record(principal=self.ctx.principal, error=refused, resource=resource))
            raise
        return ModelReply.from_json(response["reply"])

    def _effect(self) -> dict[str, Any]:
        return self.journal.effect(
            kind="model",
            key=str(self.request.purpose),
            request=self.request.as_json(),
            perform=lambda effect: model_traced(self._perform, self.request, self.model, effect),
            idempotent=True,  # a model may be asked again: the first answer was seen by nobody
            decisions=self.permit.decisions,
            before=self._reserve,
            after=self._settle,
            on_failure=self._release,
            hold=None if self.ctx.request_limits.is_limited else self._hold,
        )

    def _prepare(self) -> None:
        """Choose the models, ask the policy, and set the limits of a call that will really be made."""
        self.ctx.engine.checkpoint()
        self.gateway = gateway_in_use()
        self.chosen = choose(self.ctx.principal.tenant_id, self.request, gateway=self.gateway, gate=gate_in_use())
        self.models = self.chosen.models
        self.digest = canonical_digest(self.request.as_json())
        self.schema = schema_of(self.request)
        own = (model.max_output_tokens or self.request.max_output_tokens for model in self.models)
        self.max_output_tokens = min(self.request.max_output_tokens, max(own))
        self._authorize()
        self.prompt_tokens = prompt_tokens_estimate(self.request)
        self.ways = self._ways(self.prompt_tokens)  # not with the reservation: policies decide outside of transactions

    def _subject(self) -> dict[str, Any]:
        """Return what a person would be asked about."""
        return {"purpose": str(self.request.purpose), "request_sha256": canonical_digest(self.request.as_json())}

    def _authorize(self) -> None:
        """Keep the models that a policy lets answer; when it lets none, the first one's refusal is what is told.

        A person is asked about the first one only: one that needs nobody's approval is no way around it.
        """
        principal, action = self.ctx.principal, Action.MODEL_CALL
        others = self.models[1:]
        decisions = {
            model: decide(principal=principal, action=action, resource=self._resource(model)) for model in others
        }
        for model, decision in decisions.items():
            self.permit.note(self._resource(model), decision)
        first = decide(principal=principal, action=action, resource=self._resource()) if others else None
        allowed = [model for model in others if decisions[model].is_allowed]
        if first is None or first.verdict is not Verdict.DENY or not allowed:
            decisions[self.model] = self.permit.obtain(self._resource())
            allowed = [self.model, *allowed]
        else:
            self.permit.note(self._resource(), first)
        self.models = tuple(allowed)
        for model in allowed:
            limit = decisions[model].obligations.get("max_output_tokens")
            if limit is not None:
                self.max_output_tokens = min(self.max_output_tokens, int(limit))

    def _resource(self, model: CatalogueModel | None = None) -> dict[str, Any]:
        model = model or self.model
        return {
            "model": model.name,
            "provider": model.provider,
            "tier": str(self.request.tier),
            "purpose": str(self.request.purpose),
            "prompt_tokens": prompt_tokens_estimate(self.request),
            "max_output_tokens": self.max_output_tokens,
        }

    def _hold(self, position: int) -> Hold:
        return way_hold(self.ctx, position, self.ways[Degradation.NONE])

    def _reserve(self, emit: Emit, position: int) -> None:
        self.position = position
        way = way_reserve(
            self.ctx,
            position=position,
            ways=self.ways,
            emit=emit,
            books=self.books,
            is_consented=self.consent.is_given,
            was_begun=self.journal.kind_at(position) is not None,
        )
        self.chosen, self.models, self.max_output_tokens = way.chosen, way.models, way.max_output_tokens
        self.repeats = Repeats(self.ctx, self.books, position, self.model.name, self._most, way.amount)
        payload = {
            "model": self.model.name,
            "provider": self.model.provider,
            "purpose": str(self.request.purpose),
            "messages": len(self.request.messages),
            "prompt_tokens_estimate": self.prompt_tokens,
            "max_output_tokens": self.max_output_tokens,
            "tools": [tool["function"]["name"] for tool in self.request.tools or ()],
        }
        emit("LLM_PROMPT", f"Asking {self.model.name}", payload)

    def _most(self, request: ModelRequest) -> Amount:
        """Return what one attempt at a request may cost at most."""
        prompt_tokens = prompt_tokens_estimate(request)
        way = partial(way_of, prompt_tokens=prompt_tokens, price_of=self.gateway.price_of)
        return way(self.chosen, self.models, max_output_tokens=self.max_output_tokens).amount

    def _ways(self, prompt_tokens: int) -> dict[Degradation, Way]:
        """Return how the call is asked for, and how it would be cheaper: by a lower tier, with a shorter answer."""
        way = partial(way_of, prompt_tokens=prompt_tokens, price_of=self.gateway.price_of)
        cheaper = self._tier_below() or (self.chosen, self.models)
        most = self.max_output_tokens
        return {
            Degradation.NONE: way(self.chosen, self.models, max_output_tokens=most),
            Degradation.CHEAPER_TIER: way(*cheaper, max_output_tokens=most),
            Degradation.SMALLER_OUTPUT: way(*cheaper, max_output_tokens=shorter(most)),
        }

    def _tier_below(self) -> tuple[Chosen, tuple[CatalogueModel, ...]] | None:
        """Return what serves the tier below, as far as a policy lets it answer; None where a model was named."""
        asked = self.request.model_override or str(self.request.tier)
        if asked not in TIER_BELOW:
            return None
        request = replace(self.request, tier=TIER_BELOW[asked], model_override=None)
        principal = self.ctx.principal
        chosen = choose(principal.tenant_id, request, gateway=self.gateway, gate=gate_in_use())
        allowed = []
        for model in chosen.models:
            resource = self._resource(model)
            decision = decide(principal=principal, action=Action.MODEL_CALL, resource=resource)
            self.permit.note(resource, decision)
            allowed += [model] if decision.is_allowed else []
        return (chosen, tuple(allowed)) if allowed else None

    def _perform(self, effect: Effect) -> dict[str, Any]:
        started = time.monotonic()
        deltas = DeltaBuffer(self._delta)
        limits = RetryLimits(
            attempts=settings.SHANNON_MODEL_ATTEMPTS,
            base_seconds=settings.SHANNON_MODEL_RETRY_BASE_SECONDS,
            max_seconds=settings.SHANNON_MODEL_RETRY_MAX_SECONDS,
            deadline_monotonic_seconds=self.ctx.deadline_monotonic_seconds,
        )
        is_watched = self.ctx.is_watched and self.request.purpose not in _FOR_US
        is_told_live = (
            is_watched and self.schema is None
        )  # what may have to be asked for again is told when it is right
        self.route = Route(
            gateway=self.gateway,
            gate=gate_in_use(),
            choices=self.chosen.choices(self.models),
            request=replace(
                self.request, max_output_tokens=self.max_output_tokens, idempotency_key=effect.idempotency_key
            ),
            limits=limits,
            checkpoint=self.ctx.engine.checkpoint,
            before_repeat=self.repeats.cover,
            on_delta=deltas.add if is_told_live else None,
            tenant=str(self.ctx.principal.tenant_id),
            hedge_after_seconds=self.chosen.hedge_after_seconds,
        )
        caches = cache_rules(
            self.ctx.principal.tenant_id, self.chosen.tenant, self.request, self.models, self.max_output_tokens
        )
        try:
            reply = answer_through_caches(
                caches,
                self._ask,
                checkpoint=self.ctx.engine.checkpoint,
                wait_seconds=self.ctx.deadline_monotonic_seconds - time.monotonic(),
            )
            if is_watched and reply.text and not self.route.has_text:
                deltas.add(reply.text)
        except (ModelFailure, BudgetExceeded) as error:
            self.lost = self.route.lost(but_last=False)
            if self.lost is not None:
                _charge(effect, self.lost)
                error.details["used"] = usage_json(self.lost)
            raise
        except (TaskCancelled, StepSuperseded, StepDeadlineExceeded):
            self._abandon(effect.position)
            raise
        self.lost = self.route.lost(but_last=reply.hit is None)
        deltas.flush()
        _charge(effect, self._total(reply))
        first_text_at = deltas.first_text_at_monotonic_seconds
        return {
            "reply": reply.as_json(),
            "latency_ms": round((time.monotonic() - started) * 1000),
            "first_text_ms": None if first_text_at is None else round((first_text_at - started) * 1000),
        }

    def _ask(self) -> ModelReply:
        """Ask on the route; where the answer must fit a schema, once more on the same if it does not."""
        if self.schema is None:
            return self.route.run()

        def ask(request: ModelRequest) -> ModelReply:
            self.route.request = replace(request, max_output_tokens=self.max_output_tokens)
            return self.route.run()

        return answer_checked(self.request, self.schema, ask)

    def _abandon(self, position: int) -> None:
        """Account for a call that was left, by estimate; apart from the step, which may be another worker's by now."""
        self.lost = lost = self.route.lost(but_last=False)
        rows = self._rows(position)

        def write() -> None:
            # budgets before the kept texts, as everywhere: two calls that ask the same must not wait for each other
            if lost is not None:
                lost_charge(self.ctx, position, lost, self.model.name)
                self._count(lost)
            if self.repeats.positions:
                budget_release(step_id=self.ctx.step_id, positions=self.repeats.positions)
            calls_write([rows])

        self.books.write_apart(write)

    def _rows(self, position: int, reply: ModelReply | None = None) -> CallRows:
        days = self.chosen.tenant.prompt_retention_days
        facts = CallFacts(self.ctx, self.request, position, self.digest, days, self.began_at)
        return CallRows.of(facts, self.route.attempts, reply)

    def _delta(self, text: str) -> None:
        """Hand text on, unless the step must not go on: then the stream is left."""
        self.ctx.engine.checkpoint()
        self.ctx.engine.delta(text, position=self.position)

    def _total(self, reply: ModelReply) -> ModelUsage:
        """Return what the answer and the failed attempts before it used."""
        used = used_by(reply)
        return used if self.lost is None else used.plus(self.lost)

    def _settle(self, emit: Emit, position: int, response: dict[str, Any]) -> None:
        reply = ModelReply.from_json(response["reply"])
        total = self._total(reply)
        beside = self.repeats.positions
        self.books.settle(
            Ended(settlement_of(self.ctx, position, total, reply.model), self._rows(position, reply), beside)
        )
        self.repeats.tell(emit)
        emit(
            "LLM_OUTPUT",
            f"{reply.model} answered",
            output_payload(self.request, reply, response, attempts=len(self.route.attempts), lost=self.lost),
        )
        MODEL_CALLS.labels(model=reply.model, outcome="ok").inc()
        self._count(total, reply.model)

    def _count(self, used: ModelUsage, model: str | None = None) -> None:
        name = model or self.model.name
        price = next((self.gateway.price_of(known) for known in self.models if known.name == name), None)
        usage_count(used, name, price)

    def _release(self, emit: Emit, position: int, error: ShannonError) -> None:
        """Give the reservation back, and charge what was used all the same."""
        lost, rows = self.lost, self._rows(position)

        def write() -> None:
            budget_release(step_id=self.ctx.step_id, positions=[position, *self.repeats.positions])
            calls_write([rows])
            if lost is not None:
                lost_charge(self.ctx, position, lost, self.model.name)
                self._count(lost)

        self.books.write(write)
        self.repeats.tell(emit)
        MODEL_CALLS.labels(model=self.model.name, outcome=error.code).inc()


def _charge(effect: Effect, used: ModelUsage) -> None:
    effect.charge(prompt_tokens=used.prompt_tokens, completion_tokens=used.completion_tokens, cost_usd=used.cost_usd)
