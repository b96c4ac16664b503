"""What becomes of a request that a provider calls too long: it was counted too low, or nobody knew the window."""

from typing import Final

from agents.llm.errors import ModelWindowExceeded
from agents.llm.estimates import prompt_tokens_estimate
from agents.llm.types import ModelRequest
from agents.llm.window import fitted
from shannon_project.config.catalogue import CatalogueModel

NARROWINGS_MAX: Final = 3
WINDOW_LEAST_TOKENS: Final = 256  # no model has a smaller one: what is below is something else that was misread
_SHARE: Final = 0.6  # of what was sent; text that is denser than it was counted has up to twice the tokens


def within(model: CatalogueModel, window_tokens: int | None) -> CatalogueModel:
    """Return the model with the window that its provider stated, where the catalogue's is larger or not known."""
    known = model.context_window_tokens
    if window_tokens is None or (known is not None and known <= window_tokens):
        return model
    return model.model_copy(update={"context_window_tokens": window_tokens})


def window_learned(model: CatalogueModel, error: Exception) -> int | None:
    """Return the window that a provider stated when it refused, if it is news; None: nothing was learned.

    Only what was stated is remembered: of a request that was too long for a provider which names no window nobody knows
    by how much, and a guess would shorten the requests of all others.
    """
    stated = getattr(error, "details", {}).get("provider_window_tokens")
    if not isinstance(stated, int) or stated < WINDOW_LEAST_TOKENS or within(model, stated) is model:
        return None
    return stated


def narrower(request: ModelRequest, model: CatalogueModel, error: ModelWindowExceeded) -> CatalogueModel | None:
    """Return the model with a window into which the request will be trimmed; None: trimming is of no use.

    Args:
        request: What was asked, before it was trimmed to the model.
        model: As it was asked.
        error: What came of it.
    """
    if "provider_status" not in error.details:
        return None  # it was refused here: there is nothing left to trim
    sent = fitted(request, model)
    tokens = prompt_tokens_estimate(sent) + sent.max_output_tokens
    stated = error.details.get("provider_window_tokens")
    # A window that is as large as what was sent says that the tokens were counted too low.
    window = stated if stated and stated < tokens else int(tokens * _SHARE)
    return model.model_copy(update={"context_window_tokens": window}) if window > 0 else None
