"""One effect: as it is wanted, while it happens, and the callbacks around it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from agents.context import Emit
from agents.models import JournalEntry
from agents.types import UnknownOutcome
from policy.types import Hold
from shannon_project.foundation.errors import ShannonError


@dataclass(slots=True)
class Effect:
    """One effect while it happens.

    `idempotency_key` is `step_id:position`, the same in every attempt: the other side may know by it what it has done.
    `is_repeated`: an earlier attempt began it and did not record its end.
    """

    position: int
    attempt: int
    idempotency_key: str = ""
    is_repeated: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal | None = None

    def charge(self, *, prompt_tokens: int, completion_tokens: int, cost_usd: Decimal | None) -> None:
        """State what the effect used, to be kept with its entry; `cost_usd` None: unknown."""
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = completion_tokens
        self.cost_usd = cost_usd


Before = Callable[[Emit, int], None]
Perform = Callable[[Effect], dict[str, Any]]
After = Callable[[Emit, int, dict[str, Any]], None]
OnFailure = Callable[[Emit, int, ShannonError], None]


def nothing(*_: object) -> None:
    """Do nothing: the default of every callback."""


@dataclass(frozen=True, slots=True)
class EffectDraft:
    """An effect that a step wants.

    Attributes:
        kind: What sort of effect, for example `model`.
        key: Which one, for example the tool's name.
        request: All that determines the effect, as JSON; a re-run must ask for the same.
        perform: Does it, outside any transaction, and returns a JSON object.
        idempotent: Whether it may be done again when nobody knows if it happened.
        unknown_outcome: What to do then with one that is not.
        before: Called in the transaction that records the start; what it raises prevents the effect.
        after: Called in the transaction that records the response.
        on_failure: Called in the transaction that records the error.
        is_instant: It does not leave the platform and asks no more than a row, so it needs no thread of its own.
        decisions: What policies decided about it, as JSON, to be kept with it.
        hold: The money that `before` sets aside if nothing has to be decided about it; then it may be done for many.
    """

    kind: str
    key: str
    request: Mapping[str, Any]
    perform: Perform
    idempotent: bool
    unknown_outcome: UnknownOutcome = UnknownOutcome.FAIL
    before: Before = nothing
    after: After = nothing
    on_failure: OnFailure = nothing
    is_instant: bool = False
    decisions: Sequence[Mapping[str, Any]] = ()
    hold: Callable[[int], Hold] | None = None


@dataclass(slots=True)
class Begun:
    """An effect that is about to happen.

    `is_new`: it has no entry yet. `is_repeated`: an earlier attempt began it, and did not record its end.
    """

    draft: EffectDraft
    entry: JournalEntry
    is_new: bool
    is_repeated: bool = False
    effect: Effect = field(init=False)

    def __post_init__(self) -> None:
        """Name it: the same in each attempt."""
        key = f"{self.entry.step_id}:{self.entry.position}"
        self.effect = Effect(
            position=self.entry.position,
            attempt=self.entry.attempt,
            idempotency_key=key,
            is_repeated=self.is_repeated,
        )
