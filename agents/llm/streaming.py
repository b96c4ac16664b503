"""A streamed call of a model on each of the two ways to providers: one of our own, and litellm."""

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, Protocol

from agents.llm.base import OnDelta
from agents.llm.replies import StatedUsage
from agents.llm.stream import StreamAssembly
from agents.llm.timeouts import CallTimeouts
from agents.llm.watchdog import read_within
from agents.llm.wire import WireAssembly


class Stream(Protocol):
    """A streamed call. `open` makes it and yields its pieces, which `assembly` makes one answer of."""

    assembly: StreamAssembly

    def open(self) -> Generator[Any]: ...

    def finish_reason(self) -> str | None:
        """Return the reason that the provider gave to end; None: it gave none."""

    def stated(self) -> StatedUsage | None:
        """Return what the provider says that it used; None: it says nothing."""


class JsonStream:
    """A stream whose pieces come as JSON in the OpenAI format: by HTTP of our own, or from the offline model."""

    def __init__(self, pieces: Callable[[], Generator[Mapping[str, Any]]], on_delta: OnDelta) -> None:
        """Take what makes the call and yields its pieces; nothing is asked yet."""
        self._pieces = pieces
        self.assembly: StreamAssembly = WireAssembly(on_delta)

    def open(self) -> Generator[Any]:
        return self._pieces()

    def finish_reason(self) -> str | None:
        return self.assembly.finish_reason

    def stated(self) -> StatedUsage | None:
        return self.assembly.stated()


class LitellmStream:
    """A stream that comes through litellm."""

    def __init__(
        self,
        completion: Callable[..., Any],
        parameters: dict[str, Any],
        timeouts: CallTimeouts,
        on_delta: OnDelta,
    ) -> None:
        """Take litellm's `completion` and its arguments; nothing is asked yet."""
        self._completion, self._parameters, self._timeouts = completion, parameters, timeouts
        self._chunks: Any = None
        self.assembly = StreamAssembly(on_delta)

    def open(self) -> Generator[Any]:
        return read_within(self._made, timeouts=self._timeouts)

    def _made(self) -> Any:
        """Make the call, in the thread that reads it."""
        self._chunks = self._completion(**self._parameters)
        return _Pieces(self._chunks)

    def finish_reason(self) -> str | None:
        reason: str | None = getattr(self._chunks, "received_finish_reason", self.assembly.finish_reason)
        return reason

    def stated(self) -> StatedUsage | None:
        # Where the provider states nothing the library counts by itself, and tells that as if it had been stated.
        came = getattr(self._chunks, "chunks", ())
        return self.assembly.stated() if any(getattr(chunk, "usage", None) for chunk in came) else None


class _Pieces:
    """litellm's pieces to the one that says what was used, which is its last.

    Asked for more it would make one answer of all pieces again, and copy that twice, to say that there is no more.
    """

    def __init__(self, chunks: Any) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[Any]:
        for chunk in self._chunks:
            yield chunk
            if getattr(self._chunks, "sent_stream_usage", False):
                return

    def __getattr__(self, name: str) -> Any:
        """Who ends the call closes what litellm reads from."""
        return getattr(self._chunks, name)
