"""A runtime that runs nothing: it counts what it is asked and answers what it was told to."""

import threading
from collections.abc import Callable
from typing import ClassVar

from sandbox.runtimes.base import OnCall, Runtime, nobody_answers
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, Resources, SandboxLimits


class FakeRuntime(Runtime):
    """Answers every run with `answers[code]`, or with OK and the program's own text as output.

    Runs in the caller's process, so that a test can read `requests` and set `answers` on the class; `forget()` resets.
    """

    name = "fake"
    guests = frozenset({"python"})
    needs_host = False
    requests: ClassVar[list[ExecutionRequest]] = []
    warmed: ClassVar[list[str]] = []
    answers: ClassVar[dict[str, ExecutionResult]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def warm(self, *, guest: str, limits: SandboxLimits) -> None:  # noqa: ARG002
        """Record the guest's name."""
        with self._lock:
            self.warmed.append(guest)

    def execute(
        self,
        request: ExecutionRequest,
        *,
        on_running: Callable[[], None],
        on_ended: Callable[[], None],
        on_call: OnCall = nobody_answers,  # noqa: ARG002
    ) -> ExecutionResult:
        """Record the request and return its answer."""
        with self._lock:
            self.requests.append(request)
        on_running()
        on_ended()
        return self.answers.get(request.code) or fake_result(stdout=request.code)

    @classmethod
    def forget(cls) -> None:
        """Forget all requests and answers."""
        with cls._lock:
            cls.requests.clear()
            cls.warmed.clear()
            cls.answers.clear()


def fake_result(*, outcome: Outcome = Outcome.OK, stdout: str = "", stderr: str = "") -> ExecutionResult:
    """Return a result as a run with this outcome would have."""
    return ExecutionResult(
        outcome=outcome,
        exit_code={Outcome.OK: 0, Outcome.FAILED: 1}.get(outcome),
        stdout=stdout,
        stderr=stderr,
        stdout_truncated=False,
        stderr_truncated=False,
        files_changed={},
        files_deleted=(),
        limit_hit="",
        resources=Resources(wall_seconds=0.0),
        runtime=FakeRuntime.name,
        message="" if outcome is Outcome.OK else f"The fake was told to answer {outcome.value}.",
    )
