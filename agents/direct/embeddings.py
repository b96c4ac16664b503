"""Vectors for a direct call: by the built-in model, or by one of the catalogue, authorised and paid like an answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agents.direct.bodies import BUILT_IN_EMBEDDER, EmbeddingsBody
from agents.direct.calls import BOOKS
from agents.direct.engine import DirectEngine, direct_context
from agents.direct.journal import DirectJournal
from agents.errors import EmbeddingModelUnknown, StepDeadlineExceeded
from agents.llm.calls import model_call
from agents.llm.catalogues import catalogue_of
from agents.llm.estimates import text_tokens_estimate
from agents.llm.types import ModelPurpose, ModelRequest
from agents.memory.selection import embedder
from policy.errors import BudgetExceeded
from policy.services import authorize, budget_charge, budget_release, refusal_record
from policy.types import Action, Amount, Principal, Purchase, payer_refs
from shannon_project.config.catalogue import CatalogueModel
from shannon_project.foundation.database import connection_release, in_database
from shannon_project.foundation.ids import uuid7


@dataclass(frozen=True, slots=True)
class Embedded:
    """A vector for each text, and the tokens that the tenant's budget was charged."""

    vectors: Sequence[Sequence[float]]
    tokens: int


def texts_embed(principal: Principal, body: EmbeddingsBody) -> Embedded:
    """Return a vector for each text. Blocks.

    Raises:
        InvalidInput: See `EmbeddingsBody.texts`.
        EmbeddingModelUnknown: There is no such model for embeddings.
        PolicyDenied, BudgetExceeded: Not allowed, or not paid for.
        ShannonError: What a provider's model raised; see `agents.llm.calls.model_call`.
    """
    texts = body.texts()
    if body.model == BUILT_IN_EMBEDDER:
        return _built_in(principal, body.model, texts)
    catalogue = in_database(lambda: catalogue_of(principal.tenant_id))
    names = catalogue.embedding_models()
    model = catalogue.named(body.model)
    if model is None or model.name not in names:
        raise EmbeddingModelUnknown(details={"known": [BUILT_IN_EMBEDDER, *names]})
    return _by_catalogue(principal, body, texts, model)


def _by_catalogue(principal: Principal, body: EmbeddingsBody, texts: Sequence[str], model: CatalogueModel) -> Embedded:
    """Ask a provider, in as many calls as its limit of texts in one makes; each is paid for by itself."""
    ctx = direct_context(principal, DirectEngine(), budgets=payer_refs(principal))
    journal = DirectJournal(ctx)
    vectors: list[Sequence[float]] = []
    tokens = 0
    try:
        for request in _requests(body, texts, model):
            reply = model_call(ctx, journal, request, books=BOOKS)
            vectors += reply.vectors
            tokens += reply.prompt_tokens
    except StepDeadlineExceeded:
        in_database(lambda: budget_release(step_id=ctx.step_id))
        raise
    finally:
        connection_release()
    return Embedded(vectors, tokens)


def _requests(body: EmbeddingsBody, texts: Sequence[str], model: CatalogueModel) -> Iterator[ModelRequest]:
    at_once = model.texts_at_once or len(texts)
    given: dict[str, Any] = {"dimensions": body.dimensions, "user": body.user}
    options = {name: value for name, value in given.items() if value is not None}
    for first in range(0, len(texts), at_once):
        yield ModelRequest(
            messages=[{"role": "user", "content": text} for text in texts[first : first + at_once]],
            model_override=model.name,
            temperature=1.0,  # answers to 0 are kept; vectors are large, and whoever wants them again keeps them
            max_output_tokens=0,
            purpose=ModelPurpose.EMBED,
            options=options,
        )


def _built_in(principal: Principal, model: str, texts: Sequence[str]) -> Embedded:
    tokens = sum(text_tokens_estimate(text) for text in texts)
    resource = {"model": model, "provider": BUILT_IN_EMBEDDER, "purpose": "embed", "prompt_tokens": tokens}
    try:
        authorize(principal=principal, action=Action.MODEL_CALL, resource=resource)
        budget_charge(
            tenant_id=principal.tenant_id,
            step_id=uuid7(),
            position=0,
            budgets=payer_refs(principal),
            amount=Amount(tokens=tokens),
            purchase=Purchase(user_id=principal.user_id, model=model, prompt_tokens=tokens, is_estimate=True),
        )
    except BudgetExceeded as error:
        refusal_record(principal=principal, error=error, resource=resource)
        raise
    finally:
        connection_release()
    return Embedded(embedder().embed(texts), tokens)
