"""One attempt at one model with one key, and what there is to say of it afterwards."""

import threading
import time
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from agents.llm.base import ModelGateway, OnDelta, cost_usd_of
from agents.llm.credentials import Credential
from agents.llm.errors import ModelFailure, ModelRefused, ModelUsage
from agents.llm.estimates import prompt_tokens_estimate, text_tokens_estimate, unseen_tokens_estimate
from agents.llm.gate import CallEnd, CallEnded, Entered
from agents.llm.routing.attempts import OK, Attempt, end_of
from agents.llm.routing.narrowing import window_learned
from agents.llm.types import ModelReply, ModelRequest
from agents.metrics import MODEL_ATTEMPTS, MODEL_FALLBACKS, MODEL_FIRST_TOKEN_SECONDS
from shannon_project.config.catalogue import CatalogueModel
from shannon_project.foundation.encryption import SecretUnreadable
from shannon_project.foundation.errors import ShannonError


@dataclass(slots=True)
class Trial:
    """An attempt. `entered` is its turn under the limits, None where there are none; `attempt` is set when it ended."""

    gateway: ModelGateway
    model: CatalogueModel
    credential: Credential
    request: ModelRequest
    entered: Entered | None
    number: int
    reason: str
    on_delta: OnDelta | None
    attempt: Attempt | None = None
    _first_token_seconds: float | None = None
    _started: float = field(default_factory=time.monotonic)
    _started_at: datetime = field(default_factory=timezone.now)
    _written: list[str] = field(default_factory=list)
    _ending: threading.Lock = field(default_factory=threading.Lock)

    def run(self, timeout_seconds: float) -> ModelReply:
        """Return the answer.

        Raises:
            ModelFailure: See `ModelGateway.complete`. ShannonError: What `on_delta` raised.
        """
        try:
            reply = self.gateway.complete(
                self._keyed_request(),
                model=self.model,
                timeout_seconds=timeout_seconds,
                on_delta=None if self.on_delta is None else self._delta,
                credential=self.credential,
            )
        except SecretUnreadable as unreadable:
            self._end(CallEnd.NEUTRAL, ModelRefused.code, None)
            raise ModelRefused(f"{self.model.provider} is not asked: {unreadable.message}") from unreadable
        except ModelFailure as error:
            end = end_of(error, is_short=timeout_seconds < settings.SHANNON_MODEL_TIMEOUT_SECONDS)
            self._end(end, error.code, error.used, error)
            raise
        except ShannonError as stopped:  # the reader stopped: what came until then is paid
            self._end(CallEnd.NEUTRAL, stopped.code, self._used_so_far())
            raise
        except BaseException:
            self._end(CallEnd.NEUTRAL, ShannonError.code, self._used_so_far())
            raise
        self._end(CallEnd.SUCCESS, OK, used_by(reply))
        return reply

    def _keyed_request(self) -> ModelRequest:
        """Return the request under a key of its own: another try, perhaps of another model, is another request."""
        if self.number == 1 or not self.request.idempotency_key:
            return self.request
        return replace(self.request, idempotency_key=f"{self.request.idempotency_key}:{self.number}")

    def _delta(self, text: str) -> None:
        if self._first_token_seconds is None:
            self._first_token_seconds = time.monotonic() - self._started
            MODEL_FIRST_TOKEN_SECONDS.labels(model=self.model.name).observe(self._first_token_seconds)
        self._written.append(text)
        if self.on_delta is not None:
            self.on_delta(text)

    def give_up(self, outcome: str, *, least_completion_tokens: int) -> None:
        """Account, by estimate, for an attempt that runs on and that nobody waits for; nothing if it has ended."""
        with self._ending:
            if self.attempt is None:
                self._note(outcome, self._used_so_far(least_completion_tokens))

    def _used_so_far(self, least_completion_tokens: int = 0) -> ModelUsage:
        """Estimate what an answer used that was left in the middle."""
        seconds, is_streamed = time.monotonic() - self._started, self.on_delta is not None
        written = max(least_completion_tokens, text_tokens_estimate("".join(self._written)))
        written = written or unseen_tokens_estimate(self.request, seconds=seconds, is_streamed=is_streamed)
        tokens = (prompt_tokens_estimate(self.request), written)
        return ModelUsage(*tokens, cost_usd_of(self.gateway.price_of(self.model), *tokens))

    def _end(self, end: CallEnd, outcome: str, used: ModelUsage | None, error: ModelFailure | None = None) -> None:
        seconds = time.monotonic() - self._started
        if self.entered is not None:
            ended = CallEnded(
                end,
                actual_tokens=0 if used is None else used.prompt_tokens + used.completion_tokens,
                latency_seconds=seconds if end is CallEnd.SUCCESS else None,
                pause_seconds=None if error is None else error.details.get("retry_after_seconds"),
                window_tokens=None if error is None else window_learned(self.model, error),
            )
            self.entered.finish(ended)
        with self._ending:
            if self.attempt is None:
                self._note(outcome, used)

    def _note(self, outcome: str, used: ModelUsage | None) -> None:
        MODEL_ATTEMPTS.labels(model=self.model.name, outcome=outcome).inc()
        if self.reason:
            MODEL_FALLBACKS.labels(reason=self.reason).inc()
        self.attempt = Attempt(
            number=self.number,
            model=self.model,
            key_id=self.credential.key_id,
            outcome=outcome,
            reason=self.reason,
            is_streamed=self.on_delta is not None,
            started_at=self._started_at,
            latency_seconds=time.monotonic() - self._started,
            first_token_seconds=self._first_token_seconds,
            used=used,
        )


def used_by(reply: ModelReply) -> ModelUsage:
    """Return what an answer used."""
    return ModelUsage(
        reply.prompt_tokens,
        reply.completion_tokens,
        reply.cost_usd,
        reply.usage_estimated,
        reply.cache_read_tokens,
        reply.cache_write_tokens,
    )
