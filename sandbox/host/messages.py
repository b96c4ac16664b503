"""What the frames between a worker and its sandbox host say: a request to run a program, and its result."""

import json
import math
import struct
from dataclasses import asdict
from functools import lru_cache

from sandbox.host.wire import RESULT, RUN, Frame, WireInvalid, head_of
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, Resources, SandboxLimits

_KEPT = 64  # nearly all runs of a worker have the same limits, and end alike
# What a run used, apart from what is alike from run to run. Unknown: no CPU time is no number, no fuel is -1.
_RESOURCES = struct.Struct("!ddqQQ")
_SAID = ("outcome", "exit_code", "stdout_truncated", "stderr_truncated", "limit_hit", "runtime", "message", "last")


def request_frame(request: ExecutionRequest, limits: SandboxLimits) -> Frame:
    """Return the `run` frame of a request under these limits."""
    blobs = [request.code.encode(), request.stdin, *request.files.values()]
    fields, head = _run_alike(request.guest, request.module_sha256, limits)
    if request.files or request.arguments:
        fields, head = fields | {"arguments": list(request.arguments), "paths": list(request.files)}, b""
    return Frame(RUN, fields, blobs, head)


def request_from(frame: Frame) -> ExecutionRequest:
    """Return the request of a `run` frame; its limits are set.

    Raises:
        WireInvalid: Fields are missing or wrong.
    """
    fields = frame.fields
    try:
        code, stdin, *contents = frame.blobs
        return ExecutionRequest(
            guest=str(fields["guest"]),
            code=code.decode(),
            module_sha256=str(fields["module_sha256"]),
            arguments=tuple(map(str, fields["arguments"])),
            stdin=stdin,
            files=dict(zip(fields["paths"], contents, strict=True)),
            limits=limits_from(fields["limits"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise WireInvalid(f"not a request: {error}") from error


@lru_cache(_KEPT)
def limits_text(limits: SandboxLimits) -> str:
    """Return limits as a field of a frame."""
    return json.dumps(asdict(limits))


@lru_cache(_KEPT)
def limits_from(text: str) -> SandboxLimits:
    """Return the limits of a frame's field.

    Raises:
        ValueError, TypeError: It has none.
    """
    return SandboxLimits(**json.loads(text))


def result_frame(result: ExecutionResult, *, last: bool) -> Frame:
    """Return the `result` frame; `last` says that the host ends now."""
    fields, head = _result_alike(
        result.outcome,
        result.exit_code,
        result.stdout_truncated,
        result.stderr_truncated,
        result.limit_hit,
        result.runtime,
        result.message,
        last,
    )
    if result.files_changed or result.files_deleted:
        files = {"paths": list(result.files_changed), "files_deleted": list(result.files_deleted)}
        fields, head = fields | files, b""
    texts = result.stdout.encode(), result.stderr.encode()
    blobs = [_resources_packed(result.resources), *texts, *result.files_changed.values()]
    return Frame(RESULT, fields, blobs, head)


def result_from(frame: Frame) -> ExecutionResult:
    """Return the result of a `result` frame, believing nothing of it but its form.

    Raises:
        WireInvalid: Fields are missing or wrong: the host's fault.
    """
    fields = frame.fields
    try:
        resources, stdout, stderr, *contents = frame.blobs
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
            resources=_resources_from(resources),
            runtime=str(fields["runtime"]),
            message=str(fields["message"]),
        )
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise WireInvalid(f"not a result: {error}") from error


@lru_cache(_KEPT)
def _run_alike(guest: str, module_sha256: str, limits: SandboxLimits) -> tuple[dict[str, object], bytes]:
    """Return fields and head of a request without files and arguments."""
    fields: dict[str, object] = {
        "guest": guest,
        "module_sha256": module_sha256,
        "arguments": [],
        "paths": [],
        "limits": limits_text(limits),
    }
    return fields, head_of(RUN, fields)


@lru_cache(_KEPT)
def _result_alike(*said: object) -> tuple[dict[str, object], bytes]:
    """Return fields and head of a result that left no files; takes the fields of `_SAID` in their order."""
    fields: dict[str, object] = dict(zip(_SAID, said, strict=True)) | {"paths": [], "files_deleted": []}
    return fields, head_of(RESULT, fields)


def _resources_packed(used: Resources) -> bytes:
    return _RESOURCES.pack(
        used.wall_seconds,
        math.nan if used.cpu_seconds is None else used.cpu_seconds,
        -1 if used.fuel is None else used.fuel,
        used.output_bytes,
        used.file_bytes,
    )


def _resources_from(packed: bytes) -> Resources:
    wall_seconds, cpu_seconds, fuel, output_bytes, file_bytes = _RESOURCES.unpack(packed)
    return Resources(
        wall_seconds=wall_seconds,
        cpu_seconds=None if math.isnan(cpu_seconds) else cpu_seconds,
        fuel=None if fuel < 0 else fuel,
        output_bytes=output_bytes,
        file_bytes=file_bytes,
    )
