"""The protocol between a worker and its sandbox host: frames over a pair of pipes.

One frame is `!IQ` (bytes of JSON, bytes of blobs), then a JSON object, then the blobs back to back. The object has
`kind`, `fields` and `blob_sizes`. The worker sends `warm`, answered by `ready`, or `run`, answered by `ended` (it had
its time: from here on only bytes are copied) and `result`; a guest whose files are at hand when it ends has a `result`
alone. That the guest got its program is noted beside the frames (`sandbox.host.begun`), since it need not wake anybody.
Before its end the host may send `call`, which the worker answers by `answer`: a call outside. `unsupported` instead of
`ended`: the runtime found that it cannot run this program. `error` instead of any answer: the host cannot work and
ends. JSON and not pickle: a host that a guest has taken over must not be able to make the worker execute anything.
"""

import json
import os
import select
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from dataclasses import fields as dataclass_fields
from functools import lru_cache
from typing import Any

from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, Resources, SandboxLimits

RUN, WARM, ENDED, RESULT = "run", "warm", "ended", "result"
READY, UNSUPPORTED, ERROR = "ready", "unsupported", "error"
CALL, ANSWER = "call", "answer"

_PREFIX = struct.Struct("!IQ")
_JSON_MAX_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_JOINED_MAX_BYTES = 64 * 1024
_LIMITS_KEPT = 64  # nearly all runs of a worker have the same


_RESOURCES = tuple(each.name for each in dataclass_fields(Resources))


class WireClosed(Exception):
    """The other side is gone."""


class WireTimeout(Exception):
    """The other side did not read or write in time."""


class WireInvalid(Exception):
    """The other side does not speak this protocol."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: JSON fields and binary blobs."""

    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    blobs: Sequence[bytes] = ()


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
        json_bytes, blob_bytes = _PREFIX.unpack(self._taken(_PREFIX.size, deadline))
        if json_bytes > _JSON_MAX_BYTES or blob_bytes > self._frame_max_bytes:
            raise WireInvalid(f"a frame of {json_bytes} + {blob_bytes} bytes is larger than allowed")
        head = self._taken(json_bytes, deadline)
        blobs = memoryview(self._taken(blob_bytes, deadline))
        try:
            parsed = json.loads(head)
            kind, fields, sizes = parsed["kind"], parsed["fields"], parsed["blob_sizes"]
            if not isinstance(kind, str) or not isinstance(fields, dict):
                raise WireInvalid("a frame's kind or fields have the wrong type")
            return Frame(kind, fields, _split(blobs, sizes))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise WireInvalid(f"not a frame: {error}") from error

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

    def _taken(self, size_bytes: int, deadline: float | None) -> bytes:
        """Return the next bytes; reads what has arrived in one go, which is often a whole frame and the next."""
        received = self._received
        while len(received) < size_bytes:
            _waited(self._arrivals, deadline)
            try:
                chunk = os.read(self._read_fd, max(_JOINED_MAX_BYTES, min(_CHUNK_BYTES, size_bytes - len(received))))
            except BlockingIOError:
                continue
            except OSError as error:
                raise WireClosed(str(error)) from error
            if not chunk:
                raise WireClosed("end of file")
            received += chunk
        taken = bytes(received) if len(received) == size_bytes else bytes(memoryview(received)[:size_bytes])
        del received[:size_bytes]
        return taken


def request_frame(request: ExecutionRequest, limits: SandboxLimits) -> Frame:
    """Return the `run` frame of a request under these limits."""
    fields = {
        "guest": request.guest,
        "module_sha256": request.module_sha256,
        "arguments": list(request.arguments),
        "paths": list(request.files),
        "limits": limits_text(limits),
    }
    return Frame(RUN, fields, [request.code.encode(), request.stdin, *request.files.values()])


def request_from(frame: Frame) -> ExecutionRequest:
    """Return the request of a `run` frame; its limits are set.

    Raises:
        WireInvalid: Fields are missing or wrong.
    """
    try:
        code, stdin, *contents = frame.blobs
        return ExecutionRequest(
            guest=str(frame.fields["guest"]),
            code=code.decode(),
            module_sha256=str(frame.fields["module_sha256"]),
            arguments=tuple(map(str, frame.fields["arguments"])),
            stdin=stdin,
            files=dict(zip(frame.fields["paths"], contents, strict=True)),
            limits=limits_from(frame.fields["limits"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise WireInvalid(f"not a request: {error}") from error


@lru_cache(_LIMITS_KEPT)
def limits_text(limits: SandboxLimits) -> str:
    """Return limits as a field of a frame."""
    return json.dumps(asdict(limits))


@lru_cache(_LIMITS_KEPT)
def limits_from(text: str) -> SandboxLimits:
    """Return the limits of a frame's field.

    Raises:
        ValueError, TypeError: It has none.
    """
    return SandboxLimits(**json.loads(text))


def result_frame(result: ExecutionResult, *, last: bool) -> Frame:
    """Return the `result` frame; `last` says that the host ends now."""
    fields = {
        name: getattr(result, name)
        for name in (
            "outcome",
            "exit_code",
            "stdout_truncated",
            "stderr_truncated",
            "limit_hit",
            "runtime",
            "message",
        )
    }
    fields |= {
        "resources": {name: getattr(result.resources, name) for name in _RESOURCES},
        "paths": list(result.files_changed),
        "files_deleted": list(result.files_deleted),
        "last": last,
    }
    return Frame(RESULT, fields, [result.stdout.encode(), result.stderr.encode(), *result.files_changed.values()])


def result_from(frame: Frame) -> ExecutionResult:
    """Return the result of a `result` frame, believing nothing of it but its form.

    Raises:
        WireInvalid: Fields are missing or wrong: the host's fault.
    """
    try:
        stdout, stderr, *contents = frame.blobs
        fields = frame.fields
        exit_code = fields["exit_code"]
        return ExecutionResult(
            outcome=Outcome(fields["outcome"]),
            exit_code=None if exit_code is None else int(exit_code),
            stdout=stdout.decode(errors="replace"),
            stderr=stderr.decode(errors="replace"),
            stdout_truncated=bool(fields["stdout_truncated"]),
            stderr_truncated=bool(fields["stderr_truncated"]),
            files_changed=dict(zip(map(str, fields["paths"]), contents, strict=True)),
            files_deleted=tuple(map(str, fields["files_deleted"])),
            limit_hit=str(fields["limit_hit"]),
            resources=_resources_from(fields["resources"]),
            runtime=str(fields["runtime"]),
            message=str(fields["message"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise WireInvalid(f"not a result: {error}") from error


def _resources_from(fields: Mapping[str, Any]) -> Resources:
    cpu_seconds, fuel = fields["cpu_seconds"], fields["fuel"]
    return Resources(
        wall_seconds=float(fields["wall_seconds"]),
        cpu_seconds=None if cpu_seconds is None else float(cpu_seconds),
        fuel=None if fuel is None else int(fuel),
        output_bytes=int(fields["output_bytes"]),
        file_bytes=int(fields["file_bytes"]),
    )


def _parts(frame: Frame) -> list[bytes]:
    """Return a frame's bytes, in pieces: files are not copied."""
    sizes = [len(blob) for blob in frame.blobs]
    head = json.dumps({"kind": frame.kind, "fields": frame.fields, "blob_sizes": sizes}).encode()
    return [_PREFIX.pack(len(head), sum(sizes)), head, *frame.blobs]


def _split(blobs: memoryview, sizes: list[int]) -> list[bytes]:
    if any(size < 0 for size in sizes) or sum(sizes) != len(blobs):
        raise WireInvalid("the blobs' sizes do not add up")
    parts, position = [], 0
    for size in sizes:
        parts.append(bytes(blobs[position : position + size]))
        position += size
    return parts


def _waited(poller: select.poll, deadline: float | None) -> None:
    if not _polled(poller, deadline):
        raise WireTimeout("the other side did not answer in time")


def _polled(poller: select.poll, deadline: float | None) -> bool:
    return bool(poller.poll(None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000))
