"""The asking itself: through the caches, on a route, with its text told to whoever watches."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from django.conf import settings

from agents.context import StepContext
from agents.llm.caching import answer_through_caches, cache_rules
from agents.llm.calls.permitted import Permitted
from agents.llm.deltas import DeltaBuffer
from agents.llm.errors import ModelUsage
from agents.llm.gate import gate_in_use
from agents.llm.retry import RetryLimits
from agents.llm.routing import Route
from agents.llm.structured import answer_checked
from agents.llm.types import ModelPurpose, ModelReply, ModelRequest

_FOR_US = frozenset({ModelPurpose.PLAN, ModelPurpose.DECIDE})  # their answers are JSON, not text for a person


@dataclass(slots=True)
class Asking:
    """One call that is made.

    Attributes:
        ctx: Whose step it is.
        request: What is asked.
        permitted: What may answer.
        position: The call's place in the step's journal.
        idempotency_key: Names the call to providers.
        before_repeat: See `Route`.
        route: What became of it.
    """

    ctx: StepContext
    request: ModelRequest
    permitted: Permitted
    position: int
    idempotency_key: str
    before_repeat: Callable[[ModelRequest, ModelUsage | None], None]
    route: Route = field(init=False)
    _deltas: DeltaBuffer = field(init=False)
    _is_watched: bool = field(init=False)
    _started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Find the route; nothing is asked yet."""
        self._deltas = DeltaBuffer(self._delta)
        self._is_watched = self.ctx.is_watched and self.request.purpose not in _FOR_US
        self.route = self._route()

    def reply(self) -> ModelReply:
        """Return the answer, from a cache or from a model; raises as `Route.run`."""
        permitted, ctx = self.permitted, self.ctx
        caches = cache_rules(
            ctx.principal.tenant_id,
            permitted.chosen.tenant,
            self.request,
            permitted.models,
            permitted.max_output_tokens,
        )
        reply = answer_through_caches(
            caches,
            self._ask,
            checkpoint=ctx.engine.checkpoint,
            wait_seconds=ctx.deadline_monotonic_seconds - time.monotonic(),
        )
        if self._is_watched and reply.text and not self.route.has_text:
            self._deltas.add(reply.text)
        self._deltas.flush()
        return reply

    def times(self) -> dict[str, int | None]:
        """Return how long it took, and how long until the first text; None: there was none."""
        first_text_at = self._deltas.first_text_at_monotonic_seconds
        return {
            "latency_ms": round((time.monotonic() - self._started) * 1000),
            "first_text_ms": None if first_text_at is None else round((first_text_at - self._started) * 1000),
        }

    def _route(self) -> Route:
        permitted, ctx = self.permitted, self.ctx
        # what may have to be asked for again is told when it is right
        is_told_live = self._is_watched and permitted.schema is None
        return Route(
            gateway=permitted.gateway,
            gate=gate_in_use(),
            choices=permitted.chosen.choices(permitted.models),
            request=replace(
                self.request, max_output_tokens=permitted.max_output_tokens, idempotency_key=self.idempotency_key
            ),
            limits=RetryLimits(
                attempts=settings.SHANNON_MODEL_ATTEMPTS,
                base_seconds=settings.SHANNON_MODEL_RETRY_BASE_SECONDS,
                max_seconds=settings.SHANNON_MODEL_RETRY_MAX_SECONDS,
                deadline_monotonic_seconds=ctx.deadline_monotonic_seconds,
            ),
            checkpoint=ctx.engine.checkpoint,
            before_repeat=self.before_repeat,
            on_delta=self._deltas.add if is_told_live else None,
            tenant=str(ctx.principal.tenant_id),
            weight=permitted.chosen.tenant.weight,
            hedge_after_seconds=permitted.chosen.hedge_after_seconds,
        )

    def _ask(self) -> ModelReply:
        """Ask on the route; where the answer must fit a schema, once more on the same if it does not."""
        schema = self.permitted.schema
        if schema is None:
            return self.route.run()

        def ask(request: ModelRequest) -> ModelReply:
            self.route.request = replace(request, max_output_tokens=self.permitted.max_output_tokens)
            return self.route.run()

        return answer_checked(self.request, schema, ask)

    def _delta(self, text: str) -> None:
        """Hand text on, unless the step must not go on: then the stream is left."""
        self.ctx.engine.checkpoint()
        self.ctx.engine.delta(text, position=self.position)
