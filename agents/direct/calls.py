"""One direct call: authorised, paid, made and accounted for like a step's."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Final

from agents.direct.bodies import ChatBody, EmbeddingsBody
from agents.direct.books import DirectBooks
from agents.direct.engine import DirectEngine, direct_context
from agents.direct.journal import DirectJournal
from agents.errors import EmbeddingModelUnknown, StepDeadlineExceeded, TaskCancelled
from agents.llm.calls import model_call
from agents.llm.estimates import text_tokens_estimate
from agents.llm.types import ModelReply
from agents.memory.selection import embedder
from policy.errors import BudgetExceeded
from policy.services import authorize, budget_charge, budget_release, refusal_record
from policy.types import Action, Amount, Principal, Purchase, payer_refs
from shannon_project.foundation.coroutines import Coroutine
from shannon_project.foundation.database import connection_release, in_database
from shannon_project.foundation.ids import uuid7

EMBEDDING_MODEL: Final = "wordllama"
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


def texts_embed(principal: Principal, body: EmbeddingsBody) -> tuple[Sequence[Sequence[float]], int]:
    """Return a vector for each text, and the tokens that the tenant's budget was charged.

    Raises:
        EmbeddingModelUnknown: There is no such model for embeddings.
        PolicyDenied, BudgetExceeded: Not allowed, or not paid for.
    """
    if body.model != EMBEDDING_MODEL:
        raise EmbeddingModelUnknown(details={"known": [EMBEDDING_MODEL]})
    tokens = sum(text_tokens_estimate(text) for text in body.texts)
    resource = {"model": body.model, "provider": EMBEDDING_MODEL, "purpose": "embed", "prompt_tokens": tokens}
    try:
        authorize(principal=principal, action=Action.MODEL_CALL, resource=resource)
        budget_charge(
            tenant_id=principal.tenant_id,
            step_id=uuid7(),
            position=0,
            budgets=payer_refs(principal),
            amount=Amount(tokens=tokens),
            purchase=Purchase(user_id=principal.user_id, model=body.model, prompt_tokens=tokens, is_estimate=True),
        )
    except BudgetExceeded as error:
        refusal_record(principal=principal, error=error, resource=resource)
        raise
    finally:
        connection_release()
    return embedder().embed(body.texts), tokens
