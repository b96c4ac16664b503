"""What is known of each attempt, and what becomes of a call after a failure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from agents.llm.errors import (
    ModelAnswerTooLong,
    ModelContentFiltered,
    ModelFailure,
    ModelRateLimited,
    ModelRefused,
    ModelRequestInvalid,
    ModelTimeout,
    ModelUnavailable,
    ModelUsage,
    ModelWindowExceeded,
)
from agents.llm.gate import CallEnd
from agents.llm.timeouts import WHOLE_ANSWER
from shannon_project.config.catalogue import CatalogueModel

OK: Final = "ok"
HEDGE: Final = "hedge"
_REQUEST_IS_WRONG: Final = frozenset({400, 413, 422})


class Next(StrEnum):
    """What is tried after a failure."""

    KEY = "key"  # the same model with another key, then another model
    MODEL = "model"
    NOTHING = "nothing"  # it would fail there too


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a model.

    Attributes:
        number: From 1.
        outcome: `ok`, or the code of the error.
        reason: Why it was not the first choice: the code of what went before, `hedge`, or empty.
        used: What it used; None: nothing.
        first_token_seconds: From asking to the first text; None: none came, or it was not streamed.
    """

    number: int
    model: CatalogueModel
    key_id: str
    outcome: str
    reason: str
    is_streamed: bool
    started_at: datetime
    latency_seconds: float
    first_token_seconds: float | None
    used: ModelUsage | None


def after(error: ModelFailure) -> Next:
    """Return what is tried after a failure."""
    if isinstance(error, ModelContentFiltered | ModelAnswerTooLong):
        return Next.NOTHING
    if isinstance(error, ModelRequestInvalid):
        is_wrong = error.details.get("provider_status") in _REQUEST_IS_WRONG
        return Next.NOTHING if is_wrong and not isinstance(error, ModelWindowExceeded) else Next.MODEL
    if isinstance(error, ModelRateLimited | ModelRefused):
        return Next.KEY
    return Next.MODEL


def end_of(error: ModelFailure, *, is_short: bool = False) -> CallEnd:
    """Return what a failure says of the lane that it came from.

    Args:
        error: The failure.
        is_short: The call had less time than a call may take. That it was not enough is not the provider's fault, and
            must not shut the lane for everybody.
    """
    if is_short and isinstance(error, ModelTimeout) and error.details.get("waited_for") == WHOLE_ANSWER:
        return CallEnd.NEUTRAL
    if isinstance(error, ModelRateLimited):
        return CallEnd.LIMITED
    if isinstance(error, ModelContentFiltered):
        return CallEnd.NEUTRAL
    if isinstance(error, ModelUnavailable | ModelRefused):  # a time-out is one of these; so is a key that is refused
        return CallEnd.FAILURE
    return CallEnd.NEUTRAL


def worst(failures: Sequence[ModelFailure]) -> ModelFailure:
    """Return the failure that the call ends with: a passing one that ends soonest, or else the last."""
    passing = [failure for failure in failures if failure.retryable]
    if not passing:
        return failures[-1]
    return min(passing, key=lambda failure: float(failure.details.get("retry_after_seconds") or 0.0))
