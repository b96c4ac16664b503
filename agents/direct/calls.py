"""One direct call: authorised, paid, made and accounted for like a step's."""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

from agents.direct.bodies import ChatBody
from agents.direct.books import DirectBooks
from agents.direct.engine import DirectEngine, direct_context
from agents.direct.journal import DirectJournal
from agents.errors import StepDeadlineExceeded, TaskCancelled
from agents.llm.calls import model_call
from agents.llm.types import ModelReply
from policy.services import budget_release
from policy.types import Principal, payer_refs
from shannon_project.foundation.coroutines import Coroutine
from shannon_project.foundation.database import in_database

BOOKS: Final = DirectBooks()


class ChatCall:
    """One choice of a chat, a coroutine on the event loop."""

    def __init__(
        self, principal: Principal, body: ChatBody, *, pool: Executor, on_delta: Callable[[str], None] | None = None
    ) -> None:
        """Make a call that is not begun.

        Args:
            principal: Who asks.
            body: What.
            pool: Threads for what can only block.
            on_delta: Where text goes as it comes; None: the answer comes whole.
        """
        self._principal, self._body = principal, body
        self._coroutine = Coroutine(self._call, pool)
        self.engine = DirectEngine(on_delta)

    async def run(self) -> ModelReply:
        """Ask the model.

        Raises:
            TaskCancelled: The client went away. ShannonError: See `agents.llm.calls.model_call`.
        """
        return await self._coroutine.run()

    def leave(self) -> None:
        """Its client is gone: what it waits for at its provider is left at once. Called on the loop's thread."""
        self.engine.leave()
        self._coroutine.interrupt(TaskCancelled("The client went away."))

    def _call(self) -> ModelReply:
        ctx = direct_context(self._principal, self.engine, budgets=payer_refs(self._principal))
        try:
            return model_call(ctx, DirectJournal(ctx), self._body.model_request(), books=BOOKS)
        except (TaskCancelled, StepDeadlineExceeded):
            # what was used is charged; nobody comes back for the rest
            in_database(lambda: budget_release(step_id=ctx.step_id))
            raise
