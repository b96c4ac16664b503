"""Traces by OpenTelemetry's SDK, sent as OTLP over HTTP. The only file that imports it."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shannon_project.foundation.errors import ShannonError
from shannon_project.foundation.tracing.base import NOTHING, Attribute, Span, SpanKind, Tracer

_PATH: Final = "/v1/traces"  # below the endpoint: https://opentelemetry.io/docs/specs/otel/protocol/exporter
_STOP_SECONDS: Final = 3.0  # a receiver that is away holds up the end of a process no longer than this
_HEADER: Final = "traceparent"


class _OtlpSpan(Span):
    """A span of the SDK."""

    def __init__(self, real: trace.Span) -> None:
        self._real = real

    def note(self, attributes: Mapping[str, Attribute]) -> None:
        self._real.set_attributes(dict(attributes))

    def failed(self, code: str) -> None:
        self._real.set_attribute("error.type", code)
        self._real.set_status(trace.StatusCode.ERROR)

    def rename(self, name: str) -> None:
        self._real.update_name(name)


class OtlpTracer(Tracer):
    """Hands spans to a thread, which sends them in batches; with a receiver that is away for long, spans are dropped.

    Sampling, headers, batches and limits are the SDK's own, set by its `OTEL_…` variables. The provider is not made
    the process's global one: libraries that find one would send what they do too.
    """

    def __init__(self, endpoint: str, *, service: str, role: str) -> None:
        """Make a tracer.

        Args:
            endpoint: Base address of the receiver; spans go to `/v1/traces` below it.
            service: `service.name` of what is sent.
            role: `shannon.role` of it.
        """
        resource = Resource.create({"service.name": service, "shannon.role": role, "process.pid": os.getpid()})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)  # it would wait for half a minute
        exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + _PATH)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("shannon")
        self._propagator = TraceContextTextMapPropagator()
        self._stops = threading.Event()
        self._end = threading.Thread(target=self._send_the_rest, name="traces-end", daemon=True)
        self._end.start()  # now: a process that ends can start no thread

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, Attribute], *, kind: SpanKind, parent: str) -> Iterator[Span]:
        """See `Tracer.span`. Messages of errors are left out: they may quote what a person or a model wrote."""
        around = self._propagator.extract({_HEADER: parent}, context=Context()) if parent else None
        real = self._tracer.start_span(name, around, trace.SpanKind[kind], dict(attributes))
        with trace.use_span(real, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            made = _OtlpSpan(real)
            try:
                yield made
            except ShannonError as error:
                made.failed(error.code)
                raise
            except Exception as error:
                made.failed(type(error).__qualname__)
                raise

    def now(self) -> Span:
        """See `Tracer.now`."""
        real = trace.get_current_span()
        return _OtlpSpan(real) if real.is_recording() else NOTHING

    def traceparent(self) -> str:
        """See `Tracer.traceparent`."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get(_HEADER, "")

    def ids(self) -> Mapping[str, str]:
        """See `Tracer.ids`."""
        found = trace.get_current_span().get_span_context()
        if not found.is_valid:
            return {}
        return {"trace_id": trace.format_trace_id(found.trace_id), "span_id": trace.format_span_id(found.span_id)}

    def stop(self) -> None:
        """See `Tracer.stop`."""
        self._stops.set()
        self._end.join(_STOP_SECONDS)

    def _send_the_rest(self) -> None:
        self._stops.wait()
        self._provider.shutdown()
