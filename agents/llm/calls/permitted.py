"""Which models may answer a call, by the catalogue and by policies, and in which ways it may be made."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from agents.approvals import Permit
from agents.context import StepContext
from agents.llm.base import ModelGateway, gateway_in_use
from agents.llm.choosing import Chosen, choose
from agents.llm.estimates import prompt_tokens_estimate
from agents.llm.gate import gate_in_use
from agents.llm.paying import TIER_BELOW, Way, shorter, way_of
from agents.llm.structured import schema_of
from agents.llm.types import ModelRequest
from policy.services import decide
from policy.types import Action, Amount, Degradation, Verdict
from shannon_project.config.catalogue import CatalogueModel


@dataclass(slots=True)
class Permitted:
    """What may answer one call.

    Attributes:
        ctx: Whose step it is.
        request: What is asked.
        permit: Keeps what policies decide.
        gateway: Knows the prices.
        chosen: What the catalogue offers.
        models: Those of them that policies let answer, first choice first.
        max_output_tokens: How long the answer may be.
        ways: How the call is asked for, and how it would be cheaper.
        schema: What the answer must fit; None: nothing.
    """

    ctx: StepContext
    request: ModelRequest
    permit: Permit
    gateway: ModelGateway = field(default_factory=gateway_in_use)
    prompt_tokens: int = field(init=False)
    chosen: Chosen = field(init=False)
    models: tuple[CatalogueModel, ...] = field(init=False)
    max_output_tokens: int = field(init=False)
    ways: dict[Degradation, Way] = field(init=False)
    schema: Mapping[str, Any] | None = field(init=False)

    def __post_init__(self) -> None:
        """Choose the models and ask the policies; raises as `model_call`."""
        self.prompt_tokens = prompt_tokens_estimate(self.request)
        self.chosen = choose(self.ctx.principal.tenant_id, self.request, gateway=self.gateway, gate=gate_in_use())
        self.schema = schema_of(self.request)
        self.models = self.chosen.models
        own = (model.max_output_tokens or self.request.max_output_tokens for model in self.models)
        self.max_output_tokens = min(self.request.max_output_tokens, max(own))
        self._authorize()
        self.ways = self._ways()  # not with the reservation: policies decide outside of transactions

    @property
    def model(self) -> CatalogueModel:
        """The first choice."""
        return self.models[0]

    def take(self, way: Way) -> None:
        """Make the call in this way."""
        self.chosen, self.models, self.max_output_tokens = way.chosen, way.models, way.max_output_tokens

    def most(self, request: ModelRequest) -> Amount:
        """Return what one attempt at a request may cost at most."""
        way = partial(way_of, prompt_tokens=prompt_tokens_estimate(request), price_of=self.gateway.price_of)
        return way(self.chosen, self.models, max_output_tokens=self.max_output_tokens).amount

    def resource(self, model: CatalogueModel | None = None) -> dict[str, Any]:
        """Return what policies look at; without a model, of the first choice."""
        model = model or self.model
        return {
            "model": model.name,
            "provider": model.provider,
            "tier": str(self.request.tier),
            "purpose": str(self.request.purpose),
            "prompt_tokens": self.prompt_tokens,
            "max_output_tokens": self.max_output_tokens,
        }

    def _authorize(self) -> None:
        """Keep the models that a policy lets answer; when it lets none, the first one's refusal is what is told.

        A person is asked about the first one only: one that needs nobody's approval is no way around it.
        """
        principal, action = self.ctx.principal, Action.MODEL_CALL
        others = self.models[1:]
        decisions = {
            model: decide(principal=principal, action=action, resource=self.resource(model)) for model in others
        }
        for model, decision in decisions.items():
            self.permit.note(self.resource(model), decision)
        first = decide(principal=principal, action=action, resource=self.resource()) if others else None
        allowed = [model for model in others if decisions[model].is_allowed]
        if first is None or first.verdict is not Verdict.DENY or not allowed:
            decisions[self.model] = self.permit.obtain(self.resource())
            allowed = [self.model, *allowed]
        else:
            self.permit.note(self.resource(), first)
        self.models = tuple(allowed)
        for model in allowed:
            limit = decisions[model].obligations.get("max_output_tokens")
            if limit is not None:
                self.max_output_tokens = min(self.max_output_tokens, int(limit))

    def _ways(self) -> dict[Degradation, Way]:
        """Return how the call is asked for, and how it would be cheaper: by a lower tier, with a shorter answer."""
        way = partial(way_of, prompt_tokens=self.prompt_tokens, price_of=self.gateway.price_of)
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
            resource = self.resource(model)
            decision = decide(principal=principal, action=Action.MODEL_CALL, resource=resource)
            self.permit.note(resource, decision)
            allowed += [model] if decision.is_allowed else []
        return (chosen, tuple(allowed)) if allowed else None
