"""What a tracer offers, and the span that keeps nothing."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from types import TracebackType

Attribute = str | int | float | bool


class SpanKind(StrEnum):
    """Which end of a call a span is, in OpenTelemetry's words."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"


class Span:
    """A piece of work that is going on. This one keeps nothing: it stands in where traces are off."""

    def note(self, attributes: Mapping[str, Attribute]) -> None:
        """Add attributes."""

    def failed(self, code: str) -> None:
        """Mark the work as failed: `error.type` is the code."""

    def rename(self, name: str) -> None:
        """Give it a name that was not known when it began."""


class _Nothing(Span, AbstractContextManager[Span]):
    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let what was raised go on."""


NOTHING = _Nothing()


class Tracer(ABC):
    """Keeps spans of this process. Thread-safe; never blocks and never raises for a receiver that is away."""

    @abstractmethod
    def span(
        self, name: str, attributes: Mapping[str, Attribute], *, kind: SpanKind, parent: str
    ) -> AbstractContextManager[Span]:
        """See `shannon_project.foundation.tracing.span`."""

    @abstractmethod
    def now(self) -> Span:
        """Return the span around this."""

    @abstractmethod
    def traceparent(self) -> str:
        """Return the span around this as a W3C `traceparent`; empty where there is none."""

    @abstractmethod
    def ids(self) -> Mapping[str, str]:
        """Return `trace_id` and `span_id` of the span around this as hexadecimal text; empty where there is none."""

    @abstractmethod
    def stop(self) -> None:
        """Send what is left, and end."""
