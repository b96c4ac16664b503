"""One call on its way: each choice in turn, with each of its keys, until one answers."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final

from django.conf import settings

from agents.llm.base import ModelGateway, OnDelta
from agents.llm.credentials import Credential
from agents.llm.errors import ModelFailure, ModelRateLimited, ModelUnavailable, ModelUsage, ModelWindowExceeded
from agents.llm.estimates import prompt_tokens_estimate
from agents.llm.gate import CallEnd, CallEnded, Entered, Gate, Lane, LaneRefused, Limits, Verdict, lane_enter
from agents.llm.offline.provider import PROVIDER as OFFLINE_PROVIDER
from agents.llm.retry import RetryLimits
from agents.llm.routing.attempts import HEDGE, OK, Attempt, Next, after, worst
from agents.llm.routing.narrowing import NARROWINGS_MAX, narrower, within
from agents.llm.routing.race import Race
from agents.llm.routing.trial import Trial
from agents.llm.types import ModelReply, ModelRequest
from agents.llm.window import fits, fitted
from agents.metrics import MODEL_WAIT_SECONDS
from shannon_project.config.catalogue import Ability, CatalogueModel
from shannon_project.foundation.coroutines import outside, pause

_MIN_TIMEOUT_SECONDS: Final = 0.1
_LOOK_SECONDS: Final = 0.25  # how long a cancelled step may go on waiting
_OPEN: Final = "lane_open"
_FULL: Final = "lane_full"
# How often each model was asked in this process, so that its keys take turns. One count for all models would give the
# first of two candidates an even number each time, and so the same one of its two keys.
_turns: Final = defaultdict[str, Iterator[int]](count)


@dataclass(frozen=True, slots=True)
class Choice:
    """A model that may answer, and the keys to ask it with, at least one."""

    model: CatalogueModel
    credentials: tuple[Credential, ...]


@dataclass(slots=True)
class Route:
    """A call and what became of it.

    A failure that another key or model may not share leads to the next one; what is left of passing failures is tried
    again from the beginning, after a pause, as `limits` say. Once text was handed on nothing is tried again: an
    answer is never told twice.

    Attributes:
        choices: First choice first, at least one.
        request: With the output limit of the call; a model's own lower one holds too.
        limits: Rounds through the choices, pauses, and when the step's time is over.
        checkpoint: Asked before each attempt and while waiting; what it raises ends the call.
        before_repeat: Asked before each attempt after the first, with what is asked and what earlier ones were billed;
            what it raises ends the call.
        on_delta: Where text goes as it comes; None: answers come whole.
        tenant: Whose call it is, where calls wait for their turn; it gets turns in proportion to `weight`.
        hedge_after_seconds: How long the first choice may be silent before the second is asked too; None: for ever.
        has_text: Whether text was handed on.
        attempts: What was tried, in order.
    """

    gateway: ModelGateway
    gate: Gate
    choices: Sequence[Choice]
    request: ModelRequest
    limits: RetryLimits
    checkpoint: Callable[[], None]
    before_repeat: Callable[[ModelRequest, ModelUsage | None], None] = lambda _request, _lost: None
    on_delta: OnDelta | None = None
    tenant: str = ""
    weight: int = 1
    hedge_after_seconds: float | None = None
    has_text: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    _of_this_round: Sequence[tuple[CatalogueModel, Credential]] = ()
    _reason: str = ""
    _prompt_tokens: int = 0
    _asked: CatalogueModel | None = None

    def run(self) -> ModelReply:
        """Return the answer.

        Raises:
            ModelFailure: No choice answered; the last passing failure, or else the last one.
            ShannonError: What `checkpoint` raised.
        """
        self._prompt_tokens = prompt_tokens_estimate(self.request)
        round_number = 1
        while True:
            failures: list[ModelFailure] = []
            reply = self._round(failures)
            if reply is not None:
                return reply
            error = worst(failures)
            seconds = self.limits.pause_seconds(error, round_number)
            if seconds is None or self.has_text:
                raise error
            self._sleep(seconds)
            round_number += 1

    def lost(self, *, but_last: bool) -> ModelUsage | None:
        """Return what attempts used whose answer was not taken; `but_last`: the last one's was."""
        lost: ModelUsage | None = None
        for attempt in self.attempts[:-1] if but_last else self.attempts:
            if attempt.used is not None:
                lost = attempt.used if lost is None else lost.plus(attempt.used)
        return lost

    def _round(self, failures: list[ModelFailure]) -> ModelReply | None:
        """Try every choice once; None: all of them failed. Those that are full are waited for after the others."""
        again: list[tuple[CatalogueModel, Credential]] = []
        ways = self._of_this_round = list(self._ways())
        skipped: set[str] = set()
        for model, credential in ways:
            if model.name in skipped:
                continue
            try:
                return self._attempt(model, credential, max_wait_seconds=0.0 if len(ways) > 1 else self._patience())
            except LaneRefused as refusal:
                failures.append(self._refused(refusal, model))
                if refusal.admission.verdict is Verdict.LATE and len(ways) > 1:
                    again.append((model, credential))
            except ModelFailure as error:
                self._failed(error, failures, model, skipped)
                if (narrow := self._narrower(error, model)) is not None:
                    again.append((narrow, credential))
        return self._second_try(again, failures)

    def _second_try(
        self, again: Sequence[tuple[CatalogueModel, Credential]], failures: list[ModelFailure]
    ) -> ModelReply | None:
        """Wait for a turn where there was none at once, and shorten what was too long for a provider."""
        for first, credential in again:
            model: CatalogueModel | None = first
            for _ in range(NARROWINGS_MAX):
                if model is None:
                    break
                try:
                    return self._attempt(model, credential, max_wait_seconds=self._patience())
                except LaneRefused as refusal:
                    failures.append(self._refused(refusal, model))
                    break
                except ModelFailure as error:
                    model = self._narrower(error, model)
                    if model is not None or not isinstance(error, ModelWindowExceeded):
                        self._failed(error, failures, first, set())
        return None

    def _narrower(self, error: ModelFailure, model: CatalogueModel) -> CatalogueModel | None:
        """Return the model as it is asked again with less of the request; None: that would not help."""
        if not isinstance(error, ModelWindowExceeded):
            return None
        asked = self._asked if self._asked is not None and self._asked.name == model.name else model
        return narrower(self.request, asked, error)

    def _failed(
        self, error: ModelFailure, failures: list[ModelFailure], model: CatalogueModel, skipped: set[str]
    ) -> None:
        """Note a failure; what nothing else would mend is raised."""
        self._reason = error.code
        what = after(error)
        if what is Next.NOTHING or self.has_text:
            raise error
        failures.append(error)
        if what is Next.MODEL:
            skipped.add(model.name)

    def _ways(self) -> Iterator[tuple[CatalogueModel, Credential]]:
        """Yield each model with each of its keys, another key first each time; models that are too small come last."""
        for choice in sorted(self.choices, key=lambda choice: not fits(self.request, self._known(choice.model))):
            first = next(_turns[choice.model.name]) % len(choice.credentials)
            for credential in (*choice.credentials[first:], *choice.credentials[:first]):
                yield choice.model, credential

    def _patience(self) -> float:
        """Return how long a turn may be waited for: what is left, less a moment to be answered in."""
        left_seconds = self.limits.deadline_monotonic_seconds - time.monotonic()
        return max(0.0, min(left_seconds * settings.SHANNON_MODEL_WAIT_SHARE, settings.SHANNON_MODEL_WAIT_MAX_SECONDS))

    def _attempt(self, model: CatalogueModel, credential: Credential, *, max_wait_seconds: float) -> ModelReply:
        self.checkpoint()
        if self.attempts:
            self.before_repeat(self.request, self.lost(but_last=False))
        trial = self._trial(model, credential, max_wait_seconds)
        if self.hedge_after_seconds is not None and not self.attempts:
            return self._race(trial, self.hedge_after_seconds)
        try:
            return trial.run(self._timeout_seconds())
        finally:
            if trial.attempt is not None:
                self.attempts.append(trial.attempt)

    def _trial(self, model: CatalogueModel, credential: Credential, max_wait_seconds: float) -> Trial:
        self._asked = known = self._known(model)
        request = self._fitted(known)
        entered = self._enter(model, credential, request, max_wait_seconds)
        if entered is not None and (heard := within(known, entered.admission.window_tokens)) is not known:
            try:  # another process learned meanwhile that the window is smaller
                request = self._fitted(heard)
            except ModelWindowExceeded:
                entered.finish(CallEnded(CallEnd.NEUTRAL))
                raise
            self._asked = heard
        is_streamed = self.on_delta is not None and Ability.STREAMING in model.abilities
        number = len(self.attempts) + 1
        on_delta = self._delta if is_streamed else None
        return Trial(self.gateway, model, credential, request, entered, number, self._reason, on_delta)

    def _known(self, model: CatalogueModel) -> CatalogueModel:
        """Return the model with the window that its provider stated lately."""
        return within(model, self.gate.window_tokens(model.lane, self.tenant))

    def _fitted(self, model: CatalogueModel) -> ModelRequest:
        request = fitted(self.request, model)
        if model.max_output_tokens is not None and model.max_output_tokens < request.max_output_tokens:
            return replace(request, max_output_tokens=model.max_output_tokens)
        return request

    def _race(self, trial: Trial, hedge_after_seconds: float) -> ModelReply:
        """Run the first trial of the call, with the next model's beside it when it is silent for too long."""
        race = Race(
            second=lambda: self._hedge(trial),
            hedge_after_seconds=hedge_after_seconds,
            timeout_seconds=self._timeout_seconds(),
            checkpoint=self.checkpoint,
            on_delta=None if self.on_delta is None else self._delta,
        )
        try:
            return outside(lambda: race.run(trial))  # it has threads of its own, and waits for them
        finally:
            # The one whose answer is taken comes last: the others' usage is what was lost.
            ended = [begun.attempt for begun in race.trials() if begun.attempt is not None]
            self.attempts.extend(sorted(ended, key=lambda attempt: attempt.outcome == OK))

    def _hedge(self, first: Trial) -> Trial | None:
        """Return a trial of the next model, if it has a turn at once."""
        for model, credential in self._of_this_round:  # a second asking for ways would take the keys' turns as well
            if model.name != first.model.name:
                self._reason = HEDGE
                try:
                    trial = self._trial(model, credential, 0.0)
                except LaneRefused:
                    continue
                trial.number = first.number + 1
                return trial
        return None

    def _timeout_seconds(self) -> float:
        left_seconds = self.limits.deadline_monotonic_seconds - time.monotonic()
        return max(_MIN_TIMEOUT_SECONDS, min(settings.SHANNON_MODEL_TIMEOUT_SECONDS, left_seconds))

    def _delta(self, text: str) -> None:
        self.has_text = True
        if self.on_delta is not None:
            self.on_delta(text)

    def _enter(
        self, model: CatalogueModel, credential: Credential, request: ModelRequest, max_wait_seconds: float
    ) -> Entered | None:
        """Wait for a turn; the built-in model needs none."""
        if model.provider == OFFLINE_PROVIDER:
            return None
        limits = Limits(model.requests_per_minute, model.tokens_per_minute, model.max_concurrency)
        entered = lane_enter(
            self.gate,
            Lane(model.lane, credential.key_id, limits),
            tokens=self._prompt_tokens + request.max_output_tokens,
            max_wait_seconds=max_wait_seconds,
            checkpoint=self.checkpoint,
            tenant=self.tenant,
            weight=self.weight,
        )
        MODEL_WAIT_SECONDS.observe(entered.waited_seconds)
        return entered

    def _refused(self, refusal: LaneRefused, model: CatalogueModel) -> ModelFailure:
        """Return the failure of a lane that takes no call."""
        admission = refusal.admission
        seconds = round(admission.wait_seconds, 3)
        details = {"model": model.name, "provider": model.provider, "retry_after_seconds": seconds}
        if admission.verdict is Verdict.OPEN:
            self._reason = _OPEN
            return ModelUnavailable(
                f"{model.name} failed too often and is left alone for {admission.wait_seconds:.1f} s.", details=details
            )
        self._reason = _FULL
        return ModelRateLimited(f"The limits of {model.name} here leave no room in time.", details=details)

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left_seconds := end - time.monotonic()) > 0:
            self.checkpoint()
            pause(min(left_seconds, _LOOK_SECONDS))
