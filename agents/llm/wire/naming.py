"""What litellm calls a failure that came by the wire."""

from typing import Any, Final

from agents.llm.wire.exchange import WireFailed

_PROVIDER: Final = "openai"
_UNPROCESSABLE: Final = 422
_BAD: Final = 400
_MENDED: Final = ("should be alternating", "must alternate", "Last message must have role", "output limit was reached")


def is_mended_by_litellm(failed: WireFailed) -> bool:
    """Tell whether litellm knows another way to ask a server that refused this: without a parameter, in other turns."""
    is_told = failed.status == _BAD and any(words in failed.said for words in _MENDED)
    return is_told or failed.status == _UNPROCESSABLE


def named_by_litellm(library: Any, failed: WireFailed, model: str) -> Exception:
    """Return the exception that litellm would have raised.

    Args:
        library: The module `litellm`, loaded.
        failed: What the server said, if anything.
        model: litellm's name of the model.
    """
    if failed.status is None:
        gone: Exception = library.exceptions.APIConnectionError(
            message=failed.said, llm_provider=_PROVIDER, model=model
        )
        return gone
    said = library.llms.openai.common_utils.OpenAIError(
        status_code=failed.status, message=failed.said, headers=failed.headers
    )
    try:
        named: Exception = library.exception_type(model=model, original_exception=said, custom_llm_provider=_PROVIDER)
    except library.exceptions.openai.OpenAIError as error:
        named = error
    return named
