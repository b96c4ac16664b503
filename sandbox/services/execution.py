"""Running programs: on the fast lane or the general runtime, behind a supervisor when the runtime needs one."""

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import structlog
from django.conf import settings

from sandbox import metrics
from sandbox.errors import SandboxRequestInvalid, SandboxUnavailable
from sandbox.guests.tenant_module import module_path
from sandbox.host.options import HostOptions
from sandbox.host.process import HostCannot
from sandbox.host.supervisor import Supervisor, SupervisorOptions
from sandbox.runtimes.base import OnCall, Runtime, RunUnsupported, nobody_answers
from sandbox.services.fetching import Fetch, on_call_for
from sandbox.services.lanes import fast_lane_takes, fast_runtime, general_runtime
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, SandboxLimits
from sandbox.workspace import path_checked
from shannon_project.foundation.tracing import span

log = structlog.get_logger(__name__)
_lock = threading.Lock()
_supervisors: dict[tuple[int, str], Supervisor] = {}  # by process id: a fork must not use its parent's hosts
_open_lanes: set[tuple[int, str]] = set()  # fast lanes that are ready, likewise


def execute(request: ExecutionRequest, *, fetch: Fetch | None = None) -> ExecutionResult:
    """Run one program in the sandbox. Thread-safe; blocks until the program has ended or was stopped.

    What a program does is never an exception: a failed program, one that hit a limit and one that crashed its
    interpreter are results, and `limit_hit` names the limit.

    Args:
        request: What to run; without limits, those of the settings apply.
        fetch: Who fetches for a program whose limits name `network_hosts`: in this process, on this thread, through the
            guard for requests that leave the platform.

    Returns:
        How it ended. `runtime` says which lane ran it; the result does not depend on it.

    Raises:
        SandboxRequestInvalid: No such guest, a bad file path, too much source text or input, a limit that no runtime of
            this guest keeps, or hosts that nobody fetches from: the caller's fault.
        SandboxBusy: No sandbox host became free in time: the load's fault; retryable.
        SandboxUnavailable: No sandbox host can be started: the installation's fault; retryable.
    """
    general = general_runtime()
    limits = request.limits or limits_default()
    _check(request, general)
    _network_check(request, limits, general, fetch)
    files = {path_checked(path): contents for path, contents in request.files.items()}
    request = replace(request, files=files, limits=limits)
    started_at = time.monotonic()
    with span("sandbox run", {"shannon.guest": request.guest}) as run:
        result = _files_refused(request, limits, general) or _run_in_a_lane(
            request, limits, general, on_call_for(limits, fetch)
        )
        run.note({"shannon.outcome": result.outcome.value, "shannon.runtime": result.runtime})
    metrics.RUNS.labels(guest=request.guest, outcome=result.outcome.value).inc()
    metrics.RUN_SECONDS.labels(guest=request.guest).observe(time.monotonic() - started_at)
    return result


def warm(*, wait_for_fast_lane: bool = False) -> None:
    """Compile what must be compiled and have one sandbox host of each lane ready. Called when a worker starts.

    Args:
        wait_for_fast_lane: Also wait when its snapshot has to be made, which takes 10 s of an idle core, once per
            machine. Otherwise that goes on in the background, and the general runtime takes all runs until then.

    Raises:
        SandboxUnavailable: No sandbox host can be started: the installation's fault.
    """
    started_at = time.monotonic()
    fast = fast_runtime()
    waits = fast is not None and (wait_for_fast_lane or fast.is_cached(cache_dir()))
    thread = threading.Thread(target=_warm_fast_lane, args=(fast,), name="sandbox-fast-lane", daemon=True)
    if fast is not None and waits:
        thread.start()
    _warm_lane(general_runtime())
    if fast is not None:
        if waits:
            thread.join()
        else:
            thread.start()  # only now: both compile on all cores, and the general runtime is needed first
    log.info("sandbox_warm", seconds=round(time.monotonic() - started_at, 2))


def shutdown() -> None:
    """End all sandbox hosts of this process. A later `execute` starts new ones."""
    with _lock:
        supervisors = [_supervisors.pop(key) for key in list(_supervisors) if key[0] == os.getpid()]
        _open_lanes.clear()
    for supervisor in supervisors:
        supervisor.shutdown()


def limits_default() -> SandboxLimits:
    """Return the limits of the settings."""
    return SandboxLimits(
        wall_seconds=settings.SHANNON_SANDBOX_WALL_SECONDS,
        cpu_seconds=settings.SHANNON_SANDBOX_WALL_SECONDS,  # a guest has one thread
        memory_bytes=settings.SHANNON_SANDBOX_MEMORY_BYTES,
        output_bytes=settings.SHANNON_SANDBOX_OUTPUT_BYTES,
        file_count=settings.SHANNON_SANDBOX_FILE_COUNT,
        file_bytes=settings.SHANNON_SANDBOX_FILE_BYTES,
        wait_seconds=settings.SHANNON_SANDBOX_WAIT_SECONDS,
    )


def host_pids() -> list[int]:
    """Return the process ids of this process's sandbox hosts."""
    with _lock:
        supervisors = [supervisor for key, supervisor in _supervisors.items() if key[0] == os.getpid()]
    return sorted(pid for supervisor in supervisors for pid in supervisor.pids())


def run_apart(request: ExecutionRequest, limits: SandboxLimits, runtime: type[Runtime]) -> ExecutionResult:
    """Run a checked request on hosts of a runtime that is no lane for programs.

    Raises:
        HostCannot, RunUnsupported: The runtime cannot run this one; another may.
        SandboxBusy, SandboxUnavailable: As for `execute`.
    """
    key = (os.getpid(), _path(runtime))
    started_at = time.monotonic()
    if runtime.needs_host and key not in _supervisors:
        _supervisor(runtime).warm(guest=request.guest, limits=limits)  # from now on a host is ready ahead of each run
    result = _run(request, limits, runtime)
    metrics.RUNS.labels(guest=request.guest, outcome=result.outcome.value).inc()
    metrics.RUN_SECONDS.labels(guest=request.guest).observe(time.monotonic() - started_at)
    return result


def _warm_lane(runtime: type[Runtime]) -> None:
    if runtime.needs_host:
        _supervisor(runtime).warm(guest="python", limits=limits_default())
    else:
        runtime(cache_dir=cache_dir()).warm(guest="python", limits=limits_default())


def _warm_fast_lane(runtime: type[Runtime]) -> None:
    """Open the fast lane once it is warm; without it nothing is missing but speed."""
    try:
        if not runtime.is_cached(cache_dir()):
            _compile_in_background(runtime)
        _warm_lane(runtime)
    except SandboxUnavailable as error:
        log.warning("sandbox_fast_lane_missing", error=str(error))
        return
    with _lock:
        _open_lanes.add((os.getpid(), _path(runtime)))


def _compile_in_background(runtime: type[Runtime]) -> None:
    """Have a host compile what takes long, standing back for everybody else, and end it: it would stay slow."""
    options = supervisor_options(runtime)
    compiler = Supervisor(replace(options, host=replace(options.host, niceness=15)))
    try:
        compiler.warm(guest="python", limits=limits_default())
    finally:
        compiler.shutdown()


def _run_in_a_lane(
    request: ExecutionRequest, limits: SandboxLimits, general: type[Runtime], on_call: OnCall
) -> ExecutionResult:
    fast = fast_runtime()
    is_open = fast is not None and (os.getpid(), _path(fast)) in _open_lanes
    if fast is not None and (is_open or limits.fuel is not None) and fast_lane_takes(request, limits, fast):
        try:
            return _run(request, limits, fast)
        except (HostCannot, RunUnsupported) as error:
            log.info("sandbox_fast_lane_passed_on", reason=str(error))
    if limits.fuel is not None and not general.meters_fuel:
        raise SandboxRequestInvalid("`fuel` cannot be kept for this program: its runtime does not meter instructions.")
    return _run(request, limits, general, on_call)


def _run(
    request: ExecutionRequest, limits: SandboxLimits, runtime: type[Runtime], on_call: OnCall = nobody_answers
) -> ExecutionResult:
    if runtime.needs_host:
        return _supervisor(runtime).execute(request, limits=limits, on_call=on_call)
    in_this_process = runtime(cache_dir=cache_dir())
    return in_this_process.execute(request, on_running=lambda: None, on_ended=lambda: None, on_call=on_call)


def _check(request: ExecutionRequest, runtime: type[Runtime]) -> None:
    if request.guest not in runtime.guests:
        raise SandboxRequestInvalid(
            f"There is no guest {request.guest!r}; there is {', '.join(sorted(runtime.guests))}.",
            details={"guests": sorted(runtime.guests)},
        )
    if (request.guest == "module") != bool(request.module_sha256):
        raise SandboxRequestInvalid("`module_sha256` belongs to the guest `module`, and only to it.")
    if request.module_sha256 and not module_path(cache_dir(), request.module_sha256).is_file():
        raise SandboxRequestInvalid("This machine has no such module.")
    if request.arguments and request.guest != "module":
        raise SandboxRequestInvalid("`arguments` are for modules only.")
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


def _network_check(
    request: ExecutionRequest, limits: SandboxLimits, runtime: type[Runtime], fetch: Fetch | None
) -> None:
    if not limits.network_hosts:
        return
    if request.guest not in runtime.calls_outside:
        raise SandboxRequestInvalid(f"`network_hosts` cannot be given to the guest {request.guest}: it has no way out.")
    if fetch is None:
        raise SandboxRequestInvalid("`network_hosts` cannot be kept here: nobody fetches for the program.")
    if request.guest == "javascript" and request.stdin:
        raise SandboxRequestInvalid("A JavaScript program takes either `stdin` or `network_hosts`.")


def _files_refused(request: ExecutionRequest, limits: SandboxLimits, runtime: type[Runtime]) -> ExecutionResult | None:
    total_bytes = sum(map(len, request.files.values()))
    if len(request.files) <= limits.file_count and total_bytes <= limits.file_bytes:
        return None
    message = (
        f"The program was not run: its {len(request.files)} files have {total_bytes} bytes; "
        f"allowed are {limits.file_count} files of {limits.file_bytes} bytes together."
    )
    limit_hit = "file_count" if len(request.files) > limits.file_count else "file_bytes"
    return ExecutionResult.not_kept(Outcome.QUOTA_EXCEEDED, message, runtime=runtime.name, limit_hit=limit_hit)


def _path(runtime: type[Runtime]) -> str:
    return f"{runtime.__module__}.{runtime.__qualname__}"


def _supervisor(runtime: type[Runtime]) -> Supervisor:
    key = (os.getpid(), _path(runtime))
    with _lock:
        if key not in _supervisors:
            _supervisors[key] = Supervisor(
                supervisor_options(runtime),
                on_replaced=lambda reason: metrics.HOSTS_REPLACED.labels(reason=reason).inc(),
            )
        return _supervisors[key]


def supervisor_options(runtime: type[Runtime]) -> SupervisorOptions:
    """Return how the settings want the hosts of a runtime."""
    host = HostOptions(
        parent_pid=os.getpid(),
        runtime=_path(runtime),
        cache_dir=str(cache_dir()),
        memory_bytes=settings.SHANNON_SANDBOX_HOST_MEMORY_BYTES,
        runs_max=(
            settings.SHANNON_SANDBOX_FAST_HOST_RUNS
            if _path(runtime) == settings.SHANNON_SANDBOX_FAST_RUNTIME
            else settings.SHANNON_SANDBOX_HOST_RUNS
        ),
        rss_max_bytes=settings.SHANNON_SANDBOX_HOST_RSS_BYTES,
        starts_process=runtime.starts_process,
        environment=runtime.environment,
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


def cache_dir() -> Path:
    """Return the folder of compiled code. Only this user may write it: what is in it runs as native code."""
    folder = Path(settings.SHANNON_SANDBOX_CACHE_DIR).resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
