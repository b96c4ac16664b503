"""Traces: what was done for one task, from the request to the sandbox, over all processes.

Off unless an OTLP endpoint is set. Off, a span costs a look at one variable, and no library is imported.
"""

import atexit
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from django.conf import settings

from shannon_project.foundation.tracing.base import NOTHING, Attribute, Span, SpanKind, Tracer

__all__ = [
    "Attribute",
    "Span",
    "SpanKind",
    "log_ids",
    "span",
    "span_now",
    "task_parent",
    "traceparent",
    "tracing_is_on",
    "tracing_start",
    "tracing_stop",
]

_tracer: Tracer | None = None  # of this process, between start and stop


def tracing_start(role: str) -> None:
    """Send this process's spans to `SHANNON_TRACES_ENDPOINT` from now on; does nothing where none is set.

    Call it after the last fork: a thread sends.

    Args:
        role: What this process is: `web`, `worker`, `control`, `gateway`.
    """
    global _tracer  # noqa: PLW0603 - one per process
    if _tracer is None and settings.SHANNON_TRACES_ENDPOINT:
        # Imported here because processes that send no traces must not pay for it: 6 MB and 0.2 s.
        from shannon_project.foundation.tracing.otlp import OtlpTracer  # noqa: PLC0415

        _tracer = OtlpTracer(settings.SHANNON_TRACES_ENDPOINT, service=settings.SHANNON_TRACES_SERVICE, role=role)
        atexit.register(tracing_stop)


def tracing_stop() -> None:
    """Send what is left, for a few seconds at most, and trace no more."""
    global _tracer
    tracer, _tracer = _tracer, None
    if tracer is not None:
        tracer.stop()


def tracing_is_on() -> bool:
    """Whether this process sends spans."""
    return _tracer is not None


def span(
    name: str,
    attributes: Mapping[str, Attribute] | None = None,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: str = "",
) -> AbstractContextManager[Span]:
    """Surround a piece of work. What it raises marks the span as failed with the error's code, and goes on.

    Args:
        name: Few different ones: no ids, nothing that a client wrote.
        attributes: What is known at the beginning. Nothing that a person or a model wrote, unless
            `SHANNON_TRACES_CONTENT` is on.
        kind: Which end of a call it is.
        parent: A `traceparent` that came from elsewhere; empty: the span around it, if there is one.
    """
    return NOTHING if _tracer is None else _tracer.span(name, attributes or {}, kind=kind, parent=parent)


def span_now() -> Span:
    """Return the span around this; one that keeps nothing where there is none."""
    return NOTHING if _tracer is None else _tracer.now()


def traceparent() -> str:
    """Return the span around this as the W3C header `traceparent`; empty where there is none."""
    return "" if _tracer is None else _tracer.traceparent()


def task_parent(task_id: UUID, stored: str) -> str:
    """Return what a task's spans have as parent: what was stored with it, or else what follows from its id.

    So the jobs of a task share a trace, whoever rang for them, also of a task that was submitted while traces were off.
    """
    return stored or f"00-{task_id.hex}-{task_id.hex[16:]}-01"


def log_ids(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the ids of trace and span to a line of the log; a processor of structlog."""
    if _tracer is not None:
        line.update(_tracer.ids())
    return line
