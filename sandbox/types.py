"""Values that cross the sandbox's border. Free of Django: the sandbox host imports this file too."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

NETWORK_HOSTS_MAX = 32
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


class Outcome(StrEnum):
    """How one run ended."""

    OK = "ok"  # the program ended with exit code 0
    FAILED = "failed"  # the program ended with another exit code: its own fault, it may be repaired and run again
    TIMEOUT = "timeout"  # stopped: it ran longer than `wall_seconds`
    CPU_EXCEEDED = "cpu_exceeded"  # stopped: it used more than `cpu_seconds` or `fuel`
    MEMORY_EXCEEDED = "memory_exceeded"  # ended: it asked for more memory than `memory_bytes` and was refused
    OUTPUT_EXCEEDED = "output_exceeded"  # stopped: it printed more than `output_bytes` on one stream
    QUOTA_EXCEEDED = "quota_exceeded"  # stopped or refused: more or larger files than allowed
    CRASHED = "crashed"  # the guest trapped, or took its sandbox host down with it

    @property
    def ended_by_itself(self) -> bool:
        """True when the program came to its own end, so that its files are whole and worth keeping."""
        return self in (Outcome.OK, Outcome.FAILED)


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What one run may use. Hitting one gives a typed outcome, never an exception.

    Attributes:
        wall_seconds: Time from handing over the program to its end; > 0.
        cpu_seconds: CPU time, where the runtime does not meter instructions; noticed up to 0.02 s late; > 0.
        fuel: WebAssembly instructions at most; None: not limited. Only a runtime that meters takes such a request.
        memory_bytes: Cap of the guest's linear memory. Runtimes may round it down, never up.
        output_bytes: Cap for each of stdout and stderr; the first so many bytes are kept.
        file_count: Files in the guest's working directory, before and after the run.
        file_bytes: Their total size, before and after the run.
        processes: Processes that a program may start: 0, as no runtime offers any.
        network_hosts: Hosts, with their subdomains, from which a program may fetch: a call outside, which the worker
            makes for it; the sandbox itself has no network. Lower case, without scheme and port, at most 32.
        wait_seconds: How long the request waits for a free sandbox host before it is refused.
    """

    wall_seconds: float = 20.0
    cpu_seconds: float = 20.0
    fuel: int | None = None
    memory_bytes: int = 256 * 1024 * 1024
    output_bytes: int = 256 * 1024
    file_count: int = 256
    file_bytes: int = 64 * 1024 * 1024
    processes: int = 0
    network_hosts: tuple[str, ...] = ()
    wait_seconds: float = 60.0

    def __post_init__(self) -> None:
        """Refuse limits that limit nothing, and promises that no runtime keeps."""
        if min(self.wall_seconds, self.cpu_seconds) <= 0 or self.wait_seconds < 0:
            raise ValueError("wall_seconds and cpu_seconds must be above 0 and wait_seconds at least 0")
        if min(self.memory_bytes, self.output_bytes, self.file_count, self.file_bytes) <= 0:
            raise ValueError("memory_bytes, output_bytes, file_count and file_bytes must be above 0")
        if self.fuel is not None and self.fuel <= 0:
            raise ValueError("fuel must be above 0, or None")
        if self.processes != 0:
            raise ValueError("processes must be 0: a program in the sandbox cannot start any")
        object.__setattr__(self, "network_hosts", tuple(self.network_hosts))  # a JSON list becomes a tuple again
        if len(self.network_hosts) > NETWORK_HOSTS_MAX:
            raise ValueError(f"network_hosts has {len(self.network_hosts)} hosts; at most {NETWORK_HOSTS_MAX}")
        for host in self.network_hosts:
            if not _HOST_NAME.fullmatch(host):
                raise ValueError(f"network_hosts has {host[:80]!r}, which is no lower-case name of a host")


@dataclass(frozen=True, slots=True)
class ExecutionRequest:
    """One program to run.

    Attributes:
        guest: What runs it: `python`, `javascript`, or `module` for a WASI module.
        code: The program's source text; empty for a module.
        module_sha256: The module's SHA-256 in hexadecimal, for the guest `module` only; `sandbox.services.module_run`
            sets it, after it has checked whose module it is.
        arguments: What a module finds in its `argv` behind its own name; empty for the other guests.
        stdin: Bytes that the program can read from its standard input.
        files: Relative path → contents, placed in the program's working directory.
        limits: What it may use; None: the limits of the settings.
    """

    guest: str
    code: str = ""
    module_sha256: str = ""
    arguments: tuple[str, ...] = ()
    stdin: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)
    limits: SandboxLimits | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """What a run used. None is unknown, never 0.

    Attributes:
        wall_seconds: From handing over the program to its end.
        cpu_seconds: CPU time of its sandbox host meanwhile, the host's own share included.
        fuel: WebAssembly instructions; None where the runtime does not meter them, or the program was stopped.
        output_bytes: Of both streams together, as far as they were kept.
        file_bytes: Of the new and changed files that came back.
    """

    wall_seconds: float
    cpu_seconds: float | None = None
    fuel: int | None = None
    output_bytes: int = 0
    file_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """What a run did.

    Attributes:
        outcome: How it ended.
        exit_code: The program's exit code; None when it was stopped or crashed.
        stdout: Its output as text (invalid UTF-8 replaced), at most `output_bytes` bytes of it.
        stderr: The same for standard error.
        stdout_truncated: True when there was more than is kept.
        stderr_truncated: The same for standard error.
        files_changed: Relative path → contents of new and changed files; empty unless the program ended by itself.
        files_deleted: Paths that were handed in and are gone; empty unless the program ended by itself.
        limit_hit: Name of the field of `SandboxLimits` that ended the run; empty when none did.
        resources: What it used.
        runtime: Name of the runtime that ran it.
        message: One sentence that says which limit was hit, how much and whose; empty for OK.
    """

    outcome: Outcome
    exit_code: int | None
    stdout: str
    stderr: str
    stdout_truncated: bool
    stderr_truncated: bool
    files_changed: Mapping[str, bytes]
    files_deleted: tuple[str, ...]
    limit_hit: str
    resources: Resources
    runtime: str
    message: str

    @classmethod
    def not_kept(
        cls, outcome: Outcome, message: str, *, runtime: str, limit_hit: str = "", wall_seconds: float = 0.0
    ) -> "ExecutionResult":
        """Return the result of a run that left nothing: it was refused, or its sandbox host was lost."""
        return cls(
            outcome=outcome,
            exit_code=None,
            stdout="",
            stderr="",
            stdout_truncated=False,
            stderr_truncated=False,
            files_changed={},
            files_deleted=(),
            limit_hit=limit_hit,
            resources=Resources(wall_seconds=round(wall_seconds, 6)),
            runtime=runtime,
            message=message,
        )


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file or folder of a workspace; `size_bytes` is 0 for a folder."""

    path: str
    name: str
    is_dir: bool
    size_bytes: int
