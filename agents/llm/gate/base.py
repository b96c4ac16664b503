"""What every gate does. A lane is one model asked with one key: limits and outages are of both together."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.conf import settings

BUCKETS: Final = 60  # parts of the period in which requests and tokens are counted
WINDOW_SECONDS: Final = 3600.0  # how long a context window that a provider stated is remembered


class Verdict(StrEnum):
    """Whether a call may be made."""

    ADMITTED = "admitted"  # after `wait_seconds`
    QUEUED = "queued"  # it waits, and others come before it; ask again after `wait_seconds`
    LATE = "late"  # its turn would come later than it can wait
    OPEN = "open"  # the lane failed too often and is left alone


class CallEnd(StrEnum):
    """How a call ended, as far as its lane is concerned."""

    SUCCESS = "success"
    FAILURE = "failure"  # of the provider: counts towards leaving it alone
    LIMITED = "limited"  # the provider wants a pause
    NEUTRAL = "neutral"  # says nothing of the provider: cancelled, refused, our fault


@dataclass(frozen=True, slots=True)
class Limits:
    """What a lane allows in a period. None: as much as anybody likes. `max_concurrency` counts calls at once."""

    requests: int | None = None
    tokens: int | None = None
    max_concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """A model with a key, and its limits."""

    model: str
    key_id: str
    limits: Limits = Limits()

    @property
    def name(self) -> str:
        """What tells lanes apart."""
        return f"{self.model}|{self.key_id}"


@dataclass(frozen=True, slots=True)
class Admission:
    """A verdict.

    Attributes:
        verdict: Whether the call may be made.
        wait_seconds: See `Verdict`.
        is_probe: The lane was left alone and this call tries it.
        bucket: Where the call is counted.
        window_tokens: The context window that the model's provider stated to the tenant lately; None: it stated none.
    """

    verdict: Verdict
    wait_seconds: float = 0.0
    is_probe: bool = False
    bucket: int = 0
    window_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class CallEnded:
    """How an admitted call ended.

    Attributes:
        end: In a word.
        actual_tokens: What it used.
        latency_seconds: Of a success.
        pause_seconds: What a provider that limits us wants; None: it did not say.
        window_tokens: The context window that the provider stated when it refused the call; None: it did not.
    """

    end: CallEnd
    actual_tokens: int = 0
    latency_seconds: float | None = None
    pause_seconds: float | None = None
    window_tokens: int | None = None


def pause_of(ended: CallEnded) -> float:
    """Return for how many seconds a lane is left alone whose provider limits us."""
    return settings.SHANNON_MODEL_RATE_PAUSE_SECONDS if ended.pause_seconds is None else ended.pause_seconds


class Gate(ABC):
    """Thread-safe. `call_id` names a call from its first question to its end."""

    @abstractmethod
    def admit(
        self, lane: Lane, call_id: str, *, tokens: int, max_wait_seconds: float, tenant: str = "", weight: int = 1
    ) -> Admission:
        """Ask for a turn. What is admitted is counted at once.

        Where calls wait, tenants take turns, and the calls of one come in the order of asking.

        Args:
            lane: What is to be called.
            call_id: The call.
            tokens: Prompt and allowed output.
            max_wait_seconds: How long it can wait; 0: now or not.
            tenant: Whose call it is.
            weight: Of the tenant, from 1: of two that wait, one of weight 3 and one of weight 1, the first gets three
                turns of four.
        """

    @abstractmethod
    def finish(
        self,
        lane: Lane,
        call_id: str,
        ended: CallEnded,
        *,
        admission: Admission,
        reserved_tokens: int,
        tenant: str = "",
    ) -> None:
        """Tell how an admitted call ended.

        Args:
            lane: What was called.
            call_id: The call.
            ended: How it ended.
            admission: What `admit` gave.
            reserved_tokens: What `admit` counted.
            tenant: Whose call it was. What was stated is remembered for its calls only: providers repeat parts of what
                they are sent, so one tenant could have them say anything.
        """

    @abstractmethod
    def leave(self, lane: Lane, call_id: str, *, tokens: int, tenant: str = "", weight: int = 1) -> None:
        """Give up a place in the queue; the arguments are those of `admit`."""

    @abstractmethod
    def window_tokens(self, model: str, tenant: str) -> int | None:
        """Return the context window that a model's provider stated to a tenant lately, as far as this process heard."""

    @abstractmethod
    def p95_latency_seconds(self, model: str) -> float | None:
        """Return the measured p95 of a model's last calls with any key; None: not measured."""
