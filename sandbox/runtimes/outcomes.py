"""From what was seen of a run to its outcome, and the sentence that explains it."""

from sandbox.runtimes.guest_watch import Ending
from sandbox.types import Outcome, SandboxLimits


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
    if ending.stderr.text().rstrip().rpartition("\n")[2] == "MemoryError":
        return Outcome.MEMORY_EXCEEDED
    return Outcome.FAILED


def message_for(outcome: Outcome, limits: SandboxLimits, ending: Ending) -> str:
    """Return one sentence about an outcome, naming the limit; empty for OK."""
    return {
        Outcome.OK: "",
        Outcome.FAILED: f"The program ended with exit code {ending.exit.exit_code}.",
        Outcome.TIMEOUT: f"The program was stopped: it ran longer than its {limits.wall_seconds:g} s.",
        Outcome.MEMORY_EXCEEDED: f"The program asked for more memory than its {limits.memory_bytes} bytes.",
        Outcome.OUTPUT_EXCEEDED: (
            f"The program was stopped: it printed more than {limits.output_bytes} bytes; the first of them are kept."
        ),
        Outcome.QUOTA_EXCEEDED: f"The program was stopped: its files took more than {limits.file_bytes} bytes.",
        Outcome.CRASHED: f"The program crashed its interpreter: {ending.exit.trap}.",
    }[outcome]
