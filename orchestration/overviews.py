"""A session together with what its tasks came to and what its budget allows. Asked in sets, never per row."""

from collections.abc import Sequence
from dataclasses import dataclass

from agents.models import Session
from agents.selectors import session_for, sessions_page
from orchestration.selectors import SessionStats, session_stats
from orchestration.types import TASK_TERMINAL
from policy.selectors import budget_states
from policy.types import BudgetRef, BudgetScope, Principal


@dataclass(frozen=True, slots=True)
class SessionOverview:
    """A session and its sums. `token_budget` is None when the session has no limit in tokens."""

    session: Session
    stats: SessionStats
    token_budget: int | None

    @property
    def is_active(self) -> bool:
        """Whether the session's latest task is still open."""
        return bool(self.stats.latest_status) and self.stats.latest_status not in TASK_TERMINAL


def session_overview(*, principal: Principal, session_id: str) -> SessionOverview:
    """Return one session with its sums.

    Raises:
        SessionNotFound: There is no such session of the tenant.
    """
    return _overviews(principal, [session_for(principal=principal, session_id=session_id)])[0]


def session_overviews(*, principal: Principal, limit: int, offset: int) -> tuple[list[SessionOverview], int]:
    """Return sessions of the tenant with their sums, newest first, and how many sessions there are in all."""
    sessions, total = sessions_page(principal=principal, limit=limit, offset=offset)
    return _overviews(principal, sessions), total


def _overviews(principal: Principal, sessions: Sequence[Session]) -> list[SessionOverview]:
    """Add the sums to some sessions; four queries, however many sessions."""
    ids = [session.id for session in sessions]
    stats = session_stats(session_ids=ids)
    refs = [BudgetRef(BudgetScope.SESSION, session_id) for session_id in ids]
    limits = {state.scope_id: state.limit_tokens for state in budget_states(tenant_id=principal.tenant_id, refs=refs)}
    return [
        SessionOverview(session, stats.get(session.id, SessionStats()), limits.get(session.id)) for session in sessions
    ]
