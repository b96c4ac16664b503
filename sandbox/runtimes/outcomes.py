"""From what was seen of a run to its outcome, the sentence that explains it, and the result."""

from collections.abc import Mapping

from sandbox.runtimes.endings import Ending
from sandbox.types import ExecutionResult, Outcome, Resources, SandboxLimits

_LIMITS = {
    Outcome.TIMEOUT: "wall_seconds",
    Outcome.MEMORY_EXCEEDED: "memory_bytes",
    Outcome.OUTPUT_EXCEEDED: "output_bytes",
    Outcome.QUOTA_EXCEEDED: "file_bytes",
}


class FilesExceeded(Exception):
    """The guest left more, larger or deeper files than it may; `limit` is the field of `SandboxLimits`."""

    def __init__(self, message: str, *, limit: str) -> None:
        """Take the sentence's part that says what is too much, and the limit's name."""
        super().__init__(message)
        self.limit = limit


def outcome_of(ending: Ending) -> Outcome:
    """Return how a run ended."""
    if ending.stopped_for is not None:
        return ending.stopped_for
    if ending.stdout.truncated or ending.stderr.truncated:
        return Outcome.OUTPUT_EXCEEDED
    if ending.exit.exit_code is None:
        return Outcome.CRASHED
    if ending.exit.exit_code == 0:
        return Outcome.OK
    # CPython reports a refused `memory.grow` as a MemoryError without a text; others (a parser's stack) have one.
    last_line = ending.stderr.text().rstrip().rpartition("\n")[2]
    # QuickJS says it in words.
    if last_line == "MemoryError" or "InternalError: out of memory" in ending.stderr.text():
        return Outcome.MEMORY_EXCEEDED
    return Outcome.FAILED


def limit_of(outcome: Outcome, limits: SandboxLimits, ending: Ending) -> str:
    """Return the name of the limit that was hit; empty when none was."""
    if outcome is Outcome.CPU_EXCEEDED:
        cpu_seconds = ending.cpu_seconds or 0.0
        return "fuel" if limits.fuel is not None and cpu_seconds <= limits.cpu_seconds else "cpu_seconds"
    return _LIMITS.get(outcome, "")


def message_for(outcome: Outcome, limits: SandboxLimits, ending: Ending) -> str:
    """Return one sentence about an outcome, naming the limit; empty for OK."""
    if outcome is Outcome.OK:
        return ""
    cpu = f"its {limits.fuel} instructions"
    if limit_of(outcome, limits, ending) == "cpu_seconds":
        cpu = f"its {limits.cpu_seconds:g} s of CPU time"
    return {
        Outcome.FAILED: f"The program ended with exit code {ending.exit.exit_code}.",
        Outcome.TIMEOUT: f"The program was stopped: it ran longer than its {limits.wall_seconds:g} s.",
        Outcome.CPU_EXCEEDED: f"The program was stopped: it used more than {cpu}.",
        Outcome.MEMORY_EXCEEDED: f"The program asked for more memory than its {limits.memory_bytes} bytes.",
        Outcome.OUTPUT_EXCEEDED: (
            f"The program was stopped: it printed more than {limits.output_bytes} bytes; the first of them are kept."
        ),
        Outcome.QUOTA_EXCEEDED: f"The program was stopped: its files took more than {limits.file_bytes} bytes.",
        Outcome.CRASHED: f"The program crashed its interpreter: {ending.exit.trap}.",
    }[outcome]


def result_for(
    *,
    runtime: str,
    ending: Ending,
    limits: SandboxLimits,
    changed: Mapping[str, bytes],
    deleted: tuple[str, ...],
    exceeded: FilesExceeded | None = None,
) -> ExecutionResult:
    """Return the result of a run.

    Args:
        runtime: Who ran it.
        ending: What was seen of it.
        limits: Under what.
        changed: New and changed files; dropped unless the program ended by itself.
        deleted: Files that are gone; dropped likewise.
        exceeded: Why the files cannot be kept, for a program that ended by itself.
    """
    outcome, message, limit = outcome_of(ending), "", ""
    if outcome is not Outcome.OK:
        message, limit = message_for(outcome, limits, ending), limit_of(outcome, limits, ending)
    if exceeded is not None and outcome.ended_by_itself:
        outcome = Outcome.QUOTA_EXCEEDED
        message, limit = f"The program's files were not kept: {exceeded}.", exceeded.limit
    kept = dict(changed) if outcome.ended_by_itself else {}
    return ExecutionResult(
        outcome=outcome,
        exit_code=ending.exit.exit_code if outcome.ended_by_itself else None,
        stdout=ending.stdout.text(),
        stderr=ending.stderr.text(),
        stdout_truncated=ending.stdout.truncated,
        stderr_truncated=ending.stderr.truncated,
        files_changed=kept,
        files_deleted=deleted if outcome.ended_by_itself else (),
        limit_hit=limit,
        resources=Resources(
            wall_seconds=round(ending.wall_seconds, 6),
            cpu_seconds=None if ending.cpu_seconds is None else round(ending.cpu_seconds, 6),
            fuel=ending.fuel,
            output_bytes=len(ending.stdout.head) + len(ending.stderr.head),
            file_bytes=sum(map(len, kept.values())),
        ),
        runtime=runtime,
        message=message,
    )
