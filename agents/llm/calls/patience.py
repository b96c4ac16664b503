"""Waiting for money that other calls have set aside: most of it comes back, since they set aside what they may cost.

A thousand agents that begin at once set aside for the longest answer that each may get, many times what they use. Whom
a budget refuses only for that is not refused, but waits until others were answered.
"""

import time
from dataclasses import dataclass, field
from decimal import Decimal
from random import SystemRandom
from typing import Final

from django.conf import settings

from policy.errors import BudgetExceeded
from shannon_project.foundation.coroutines import pause
from shannon_project.foundation.database import connection_release

FIRST_PAUSE_SECONDS: Final = 1.0  # at most; doubled for each further one
LONGEST_PAUSE_SECONDS: Final = 2.0

_random: Final = SystemRandom()


def is_only_reserved(error: BudgetExceeded) -> bool:
    """Tell whether what was asked for would fit into what is not spent."""
    told = error.details
    limit, spent, reserved, asked = (Decimal(told[name]) for name in ("limit", "spent", "reserved", "asked"))
    return reserved > 0 and spent + asked <= limit


@dataclass(slots=True)
class Patience:
    """How long one call waits for its money; from when it is made."""

    pauses: int = 0
    ends_at_seconds: float = field(
        default_factory=lambda: time.monotonic() + settings.SHANNON_BUDGET_WAIT_SECONDS,
    )

    def waits(self, error: BudgetExceeded) -> bool:
        """Wait a while, without a connection; return False at once when that may not help, or for no longer."""
        left_seconds = self.ends_at_seconds - time.monotonic()
        if left_seconds <= 0 or not is_only_reserved(error):
            return False
        connection_release()
        ceiling = min(FIRST_PAUSE_SECONDS * 2**self.pauses, LONGEST_PAUSE_SECONDS, left_seconds)
        self.pauses += 1
        pause(_random.uniform(ceiling / 2, ceiling))
        return True
