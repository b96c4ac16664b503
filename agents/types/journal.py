"""How far an effect came."""

from enum import StrEnum


class JournalStatus(StrEnum):
    """How far an effect came. `STARTED` after a crash means that nobody knows whether it happened."""

    STARTED = "started"
    FINISHED = "finished"
    FAILED = "failed"


class UnknownOutcome(StrEnum):
    """What becomes of an effect of which nobody knows whether it happened, and which must not simply be repeated."""

    FAIL = "fail"  # the step stops with OUTCOME_UNKNOWN
    ASK = "ask"  # a person decides whether it is done again
    RETRY = "retry"  # it is done again: twice is better than not at all, or the other side knows its idempotency key
