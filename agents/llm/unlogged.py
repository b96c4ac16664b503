"""Calls of litellm without its books: what a call used, cost and said is accounted for here, in rows of our own.

litellm wraps each call in a logging object. It counts tokens, works out prices, builds a payload for callbacks (we have
none) and hands all of it to a thread, which takes longer than everything that we do around a call. Below that
wrapper lies the call itself; it is given a logging object that keeps what providers read from it, and writes nothing.
"""

import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import uuid4


def call_unlogged(library: Any, name: str) -> Callable[..., Any]:
    """Return a call of litellm's without its wrappers.

    Args:
        library: The module `litellm`, loaded.
        name: `completion` or `embedding`.
    """
    log_class = _unlogged_class(library.litellm_core_utils.litellm_logging.Logging)
    streaming = library.litellm_core_utils.streaming_handler
    if not isinstance(streaming.executor, _BookThreads):
        streaming.executor = _BookThreads(streaming.executor)
    bare = inspect.unwrap(getattr(library, name))

    def call(**parameters: Any) -> Any:
        call_id = uuid4().hex
        log = log_class(
            model=parameters["model"],
            messages=parameters.get("messages") or parameters["input"],
            stream=parameters.get("stream", False),
            call_type=name,
            start_time=datetime.now(),  # noqa: DTZ005 - the library compares it with naive times of its own
            litellm_call_id=call_id,
            litellm_trace_id=call_id,
            function_id="",
            supports_correlation_logging=False,
        )
        log.stream_options = parameters.get("stream_options")  # streams read it there
        return bare(**parameters, litellm_logging_obj=log, litellm_call_id=call_id)

    return call


def _unlogged_class(logging_class: Any) -> Any:
    """Return litellm's class of logging objects with nothing where it would write.

    It keeps the call's details, which providers' code reads.
    """
    silent = dict.fromkeys(_SILENT, _nothing) | dict.fromkeys(_SILENT_LATER, _nothing_later)
    more = {"initialize_standard_callback_dynamic_params": _no_parameters, _WRITES_NOTHING: True}
    return type("Unlogged", (logging_class,), silent | more)


class _BookThreads:
    """The threads to which litellm's streams hand their books, three times a call; what would write nothing stays here.

    The locks of that pool are one for the process, and hundreds of calls that end at the same time wait for them.
    """

    def __init__(self, threads: Any) -> None:
        self._threads = threads

    def submit(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Have a thread do it, unless it is of a call of ours."""
        owner = getattr(work, "__self__", None)  # a stream, or its logging object
        if getattr(getattr(owner, "logging_obj", owner), _WRITES_NOTHING, False):
            return None
        return self._threads.submit(work, *args, **kwargs)


_WRITES_NOTHING: Final = "writes_nothing"


_SILENT: Final = (
    "failure_handler",
    "post_call",
    "pre_call",
    "process_dynamic_callbacks",
    "response_cost_calculator",  # prices are the catalogue's
    "should_run_prompt_management_hooks",
    "success_handler",
)
_SILENT_LATER: Final = ("async_failure_handler", "async_success_handler")


def _nothing(*_: Any, **__: Any) -> None:
    """Write nothing."""


async def _nothing_later(*_: Any, **__: Any) -> None:
    """Write nothing."""


def _no_parameters(*_: Any) -> dict[str, Any]:
    return {}
