"""One direct call: authorised, paid, made and accounted for like a step's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from agents.direct.bodies import ChatBody, EmbeddingsBody
from agents.direct.engine import DirectEngine, NoJournalStore, direct_context
from agents.errors import EmbeddingModelUnknown, StepDeadlineExceeded, TaskCancelled
from agents.journal import Journal
from agents.llm.calls import model_call
from agents.llm.estimates import text_tokens_estimate
from agents.llm.types import ModelReply
from agents.memory.selection import embedder
from policy.errors import BudgetExceeded
from policy.services import authorize, budget_charge, budget_release, refusal_record
from policy.types import Action, Amount, Principal, Purchase, payer_refs
from shannon_project.foundation.database import connection_release
from shannon_project.foundation.ids import uuid7

EMBEDDING_MODEL: Final = "wordllama"


@dataclass(slots=True)
class ChatCall:
    """One choice of a chat. `run` is called in a thread; `leave` from any."""

    principal: Principal
    body: ChatBody
    on_delta: Callable[[str], None] | None = None
    engine: DirectEngine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = DirectEngine(self.on_delta)

    def run(self) -> ModelReply:
        """Ask the model.

        Raises:
            TaskCancelled: The client went away. ShannonError: See `agents.llm.calls.model_call`.
        """
        ctx = direct_context(self.principal, self.engine, budgets=payer_refs(self.principal))
        try:
            return model_call(ctx, Journal(ctx, NoJournalStore()), self.body.model_request())
        except (TaskCancelled, StepDeadlineExceeded):
            budget_release(step_id=ctx.step_id)  # what was used is charged; nobody comes back for the rest
            raise
        finally:
            connection_release()


def texts_embed(principal: Principal, body: EmbeddingsBody) -> tuple[Sequence[Sequence[float]], int]:
    """Return a vector for each text, and the tokens that the tenant's budget was charged.

    Raises:
        EmbeddingModelUnknown: There is no such model for embeddings.
        PolicyDenied, BudgetExceeded: Not allowed, or not paid for.
    """
    if body.model != EMBEDDING_MODEL or body.dimensions is not None:
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
