"""Running programs: the runtime that the settings name, behind a supervisor when it needs one."""

import logging
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.utils.module_loading import import_string

from sandbox import metrics
from sandbox.errors import SandboxRequestInvalid
from sandbox.host.options import HostOptions
from sandbox.host.supervisor import Supervisor, SupervisorOptions
from sandbox.runtimes.base import Runtime
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, SandboxLimits
from sandbox.workspace import path_checked

logger = logging.getLogger(__name__)
_lock = threading.Lock()
_supervisors: dict[tuple[int, str], Supervisor] = {}  # by process id: a fork must not use its parent's hosts


def execute(request: ExecutionRequest) -> ExecutionResult:
    """Run one program in the sandbox. Thread-safe; blocks until the program has ended or was stopped.

    Args:
        request: What to run; without limits, those of the settings apply.

    Returns:
        How it ended. Whatever the program does is an `Outcome` and not an exception.

    Raises:
        SandboxRequestInvalid: No such guest, a bad file path, or too much source text or input: the caller's fault.
        SandboxBusy: No sandbox host became free in time; retryable.
        SandboxUnavailable: No sandbox host can be started; retryable, and the installation's fault.
    """
    runtime = _runtime_class()
    limits = request.limits or limits_default()
    _check(request, runtime)
    files = {path_checked(path): contents for path, contents in request.files.items()}
    request = replace(request, files=files, limits=limits)
    started_at = time.monotonic()
    result = _files_refused(request, limits, runtime) or _run(request, limits, runtime)
    metrics.RUNS.labels(guest=request.guest, outcome=result.outcome.value).inc()
    metrics.RUN_SECONDS.labels(guest=request.guest).observe(time.monotonic() - started_at)
    return result


def warm() -> None:
    """Compile what must be compiled and have one sandbox host ready. Called when a worker starts.

    Raises:
        SandboxUnavailable: No sandbox host can be started: the installation's fault.
    """
    runtime = _runtime_class()
    if runtime.needs_host:
        started_at = time.monotonic()
        _supervisor().warm(guest="python", limits=limits_default())
        logger.info("the sandbox is warm after %.2f s", time.monotonic() - started_at)
    else:
        runtime(cache_dir=_cache_dir()).warm(guest="python", limits=limits_default())


def shutdown() -> None:
    """End all sandbox hosts of this process. A later `execute` starts new ones."""
    with _lock:
        supervisors = [_supervisors.pop(key) for key in list(_supervisors) if key[0] == os.getpid()]
    for supervisor in supervisors:
        supervisor.shutdown()


def limits_default() -> SandboxLimits:
    """Return the limits of the settings."""
    return SandboxLimits(
        wall_seconds=settings.SHANNON_SANDBOX_WALL_SECONDS,
        memory_bytes=settings.SHANNON_SANDBOX_MEMORY_BYTES,
        output_bytes=settings.SHANNON_SANDBOX_OUTPUT_BYTES,
        file_count=settings.SHANNON_SANDBOX_FILE_COUNT,
        file_bytes=settings.SHANNON_SANDBOX_FILE_BYTES,
        wait_seconds=settings.SHANNON_SANDBOX_WAIT_SECONDS,
    )


def host_pids() -> list[int]:
    """Return the process ids of this process's sandbox hosts."""
    return _supervisor().pids()


def _run(request: ExecutionRequest, limits: SandboxLimits, runtime: type[Runtime]) -> ExecutionResult:
    if runtime.needs_host:
        return _supervisor().execute(request, limits=limits)
    return runtime(cache_dir=_cache_dir()).execute(request, on_running=lambda: None)


def _check(request: ExecutionRequest, runtime: type[Runtime]) -> None:
    if request.guest not in runtime.guests:
        raise SandboxRequestInvalid(
            f"There is no guest {request.guest!r}; there is {', '.join(sorted(runtime.guests))}.",
            details={"guests": sorted(runtime.guests)},
        )
    sizes = {
        "code": (len(request.code.encode(errors="surrogatepass")), settings.SHANNON_SANDBOX_CODE_MAX_BYTES),
        "stdin": (len(request.stdin), settings.SHANNON_SANDBOX_STDIN_MAX_BYTES),
    }
    for name, (size_bytes, max_bytes) in sizes.items():
        if size_bytes > max_bytes:
            raise SandboxRequestInvalid(f"`{name}` has {size_bytes} bytes; at most {max_bytes} are allowed.")
    try:
        request.code.encode()
    except UnicodeEncodeError as error:
        raise SandboxRequestInvalid("`code` is not valid Unicode text.") from error


def _files_refused(request: ExecutionRequest, limits: SandboxLimits, runtime: type[Runtime]) -> ExecutionResult | None:
    total_bytes = sum(map(len, request.files.values()))
    if len(request.files) <= limits.file_count and total_bytes <= limits.file_bytes:
        return None
    return ExecutionResult(
        outcome=Outcome.QUOTA_EXCEEDED,
        exit_code=None,
        stdout="",
        stderr="",
        stdout_truncated=False,
        stderr_truncated=False,
        files_changed={},
        files_deleted=(),
        wall_seconds=0.0,
        runtime=runtime.name,
        message=(
            f"The program was not run: its {len(request.files)} files have {total_bytes} bytes; "
            f"allowed are {limits.file_count} files of {limits.file_bytes} bytes together."
        ),
    )


def _runtime_class() -> type[Runtime]:
    runtime: type[Runtime] = import_string(settings.SHANNON_SANDBOX_RUNTIME)
    return runtime


def _supervisor() -> Supervisor:
    key = (os.getpid(), settings.SHANNON_SANDBOX_RUNTIME)
    with _lock:
        if key not in _supervisors:
            _supervisors[key] = Supervisor(
                supervisor_options(), on_replaced=lambda reason: metrics.HOSTS_REPLACED.labels(reason=reason).inc()
            )
        return _supervisors[key]


def supervisor_options() -> SupervisorOptions:
    host = HostOptions(
        parent_pid=os.getpid(),
        runtime=settings.SHANNON_SANDBOX_RUNTIME,
        cache_dir=str(_cache_dir()),
        memory_bytes=settings.SHANNON_SANDBOX_HOST_MEMORY_BYTES,
        runs_max=settings.SHANNON_SANDBOX_HOST_RUNS,
        rss_max_bytes=settings.SHANNON_SANDBOX_HOST_RSS_BYTES,
        frame_max_bytes=(
            settings.SHANNON_SANDBOX_FILE_BYTES
            + settings.SHANNON_SANDBOX_STDIN_MAX_BYTES
            + settings.SHANNON_SANDBOX_CODE_MAX_BYTES
            + 6 * settings.SHANNON_SANDBOX_OUTPUT_BYTES  # both streams; invalid UTF-8 grows threefold as text
        ),
    )
    return SupervisorOptions(
        hosts_max=settings.SHANNON_SANDBOX_HOSTS,
        start_seconds=settings.SHANNON_SANDBOX_START_SECONDS,
        grace_seconds=settings.SHANNON_SANDBOX_GRACE_SECONDS,
        host=host,
    )


def _cache_dir() -> Path:
    """Return the folder of compiled code. Only this user may write it: what is in it runs as native code."""
    folder = Path(settings.SHANNON_SANDBOX_CACHE_DIR).resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
