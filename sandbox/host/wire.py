"""The protocol between a worker and its sandbox host: frames over a pair of pipes.

One frame is `!IIQ` (bytes of JSON, number of blobs, bytes of blobs), then a JSON object with `kind` and `fields`, then
the size of each blob as `!Q`, then the blobs back to back. What frames say is in `sandbox.host.messages`. The worker
sends `warm`, answered by `ready`, or `run`, answered by `ended` (it had its time: from here on only bytes are copied)
and `result`; a guest whose files are at hand when it ends has a `result` alone. That the guest got its program is noted
beside the frames (`sandbox.host.begun`), since it need not wake anybody. Before its end the host may send `call`, which
the worker answers by `answer`: a call outside. `unsupported` instead of `ended`: the runtime found that it cannot run
this program. `error` instead of any answer: the host cannot work and ends. JSON and not pickle: a host that a guest has
taken over must not be able to make the worker execute anything.

A worker that comes back to the sandbox after a pause finds none of this code in a cache of its processor, which makes
each step ten times as long. So whatever is alike from run to run is encoded and read once: see `Frame.head`.
"""

import json
import os
import select
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

RUN, WARM, ENDED, RESULT = "run", "warm", "ended", "result"
READY, UNSUPPORTED, ERROR = "ready", "unsupported", "error"
CALL, ANSWER = "call", "answer"

_PREFIX = struct.Struct("!IIQ")
_JSON_MAX_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_JOINED_MAX_BYTES = 64 * 1024
_SIZE_BYTES, _BLOBS_MAX = 8, 1_000_000
_REPEATED = (b'{"kind": "run"', b'{"kind": "result"')  # whose heads are mostly those of the run before
_HEADS_KEPT, _HEAD_KEPT_BYTES = 64, 2048


class WireClosed(Exception):
    """The other side is gone."""


class WireTimeout(Exception):
    """The other side did not read or write in time."""


class WireInvalid(Exception):
    """The other side does not speak this protocol."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: JSON fields and binary blobs.

    `fields` may be shared with other frames: they are only read. `head` is kind and fields as they are sent, where that
    is known already; otherwise it is made from them.
    """

    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    blobs: Sequence[bytes] = ()
    head: bytes = field(default=b"", compare=False)


class Wire:
    """One end of the pipes. Used by one thread at a time."""

    def __init__(self, *, read_fd: int, write_fd: int, frame_max_bytes: int) -> None:
        """Take both file descriptors over (they become non-blocking).

        Args:
            read_fd: Where the other side's frames arrive.
            write_fd: Where this side's frames go.
            frame_max_bytes: Largest blobs of a frame that is accepted.
        """
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._frame_max_bytes = frame_max_bytes
        self._received = bytearray()  # what has arrived of the next frames
        self._arrivals = select.poll()  # unlike select(), works for file descriptors above 1,024
        self._arrivals.register(read_fd, select.POLLIN)
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)

    def send(self, *frames: Frame, deadline: float | None = None) -> None:
        """Write frames.

        Args:
            frames: The messages; small ones go in one write, which wakes the other side once.
            deadline: Latest `time.monotonic()`; None waits for ever.

        Raises:
            WireClosed: The other side is gone.
            WireTimeout: It does not read.
        """
        parts = [part for frame in frames for part in _parts(frame)]
        if sum(map(len, parts)) <= _JOINED_MAX_BYTES:
            parts = [b"".join(parts)]
        for part in parts:
            self._write(memoryview(part), deadline)

    def arrived(self, deadline: float) -> bool:
        """Wait until a frame begins to arrive or the other side is gone; False when that takes longer."""
        return bool(self._received) or _polled(self._arrivals, deadline)

    def receive(self, *, deadline: float | None = None) -> Frame:
        """Read one frame; arguments and errors as for `send`.

        Raises:
            WireInvalid: What arrives is not a frame: the other side's fault.
        """
        self._arrive(_PREFIX.size, deadline)
        json_bytes, blob_count, blob_bytes = _PREFIX.unpack_from(self._received)
        if json_bytes > _JSON_MAX_BYTES or blob_count > _BLOBS_MAX or blob_bytes > self._frame_max_bytes:
            raise WireInvalid(f"a frame of {json_bytes} + {blob_bytes} bytes is larger than allowed")
        sizes_at = _PREFIX.size + json_bytes
        blobs_at = sizes_at + blob_count * _SIZE_BYTES
        self._arrive(blobs_at + blob_bytes, deadline)
        head = bytes(self._received[_PREFIX.size : sizes_at])
        sizes = struct.unpack_from(f"!{blob_count}Q", self._received, sizes_at)
        blobs = self._split(blobs_at, sizes, blob_bytes)
        del self._received[: blobs_at + blob_bytes]
        keeps = json_bytes <= _HEAD_KEPT_BYTES and head.startswith(_REPEATED)
        kind, fields = _head_kept(head) if keeps else _head_read(head)
        return Frame(kind, fields, blobs, head)

    def close(self) -> None:
        """Close both pipes."""
        os.close(self._read_fd)
        os.close(self._write_fd)

    def _write(self, data: memoryview, deadline: float | None) -> None:
        while data:
            try:
                data = data[os.write(self._write_fd, data[:_CHUNK_BYTES]) :]
            except BlockingIOError:
                room = select.poll()
                room.register(self._write_fd, select.POLLOUT)
                _waited(room, deadline)
            except OSError as error:
                raise WireClosed(str(error)) from error

    def _arrive(self, size_bytes: int, deadline: float | None) -> None:
        """Wait until so much has arrived; reads what is there in one go, which is often a whole frame and the next."""
        received = self._received
        while len(received) < size_bytes:
            try:
                chunk = os.read(self._read_fd, max(_JOINED_MAX_BYTES, min(_CHUNK_BYTES, size_bytes - len(received))))
            except BlockingIOError:
                _waited(self._arrivals, deadline)
                continue
            except OSError as error:
                raise WireClosed(str(error)) from error
            if not chunk:
                raise WireClosed("end of file")
            received += chunk

    def _split(self, position: int, sizes: Sequence[int], blob_bytes: int) -> list[bytes]:
        if sum(sizes) != blob_bytes:
            raise WireInvalid("the blobs' sizes do not add up")
        parts = []
        with memoryview(self._received) as received:
            for size in sizes:
                parts.append(bytes(received[position : position + size]))
                position += size
        return parts


def head_of(kind: str, fields: Mapping[str, Any]) -> bytes:
    """Return kind and fields as they are sent."""
    return json.dumps({"kind": kind, "fields": fields}).encode()


def _parts(frame: Frame) -> list[bytes]:
    """Return a frame's bytes, in pieces: files are not copied."""
    sizes = [len(blob) for blob in frame.blobs]
    head = frame.head or head_of(frame.kind, frame.fields)
    return [_PREFIX.pack(len(head), len(sizes), sum(sizes)), head, struct.pack(f"!{len(sizes)}Q", *sizes), *frame.blobs]


def _head_read(head: bytes) -> tuple[str, dict[str, Any]]:
    try:
        parsed = json.loads(head)
        kind, fields = parsed["kind"], parsed["fields"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WireInvalid(f"not a frame: {error}") from error
    if not isinstance(kind, str) or not isinstance(fields, dict):
        raise WireInvalid("a frame's kind or fields have the wrong type")
    return kind, fields


_head_kept = lru_cache(_HEADS_KEPT)(_head_read)


def _waited(poller: select.poll, deadline: float | None) -> None:
    if not _polled(poller, deadline):
        raise WireTimeout("the other side did not answer in time")


def _polled(poller: select.poll, deadline: float | None) -> bool:
    return bool(poller.poll(None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000))
