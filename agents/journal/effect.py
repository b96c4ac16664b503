"""One effect while it happens, and the callbacks around it."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agents.context import Emit
from shannon_project.foundation.errors import ShannonError


@dataclass(slots=True)
class Effect:
    """One effect while it happens.

    `idempotency_key` is `step_id:position`, the same in every attempt: the other side may know by it what it has done.
    """

    position: int
    attempt: int
    idempotency_key: str = ""
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
