"""Runtimes for tests of what is around them."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from sandbox.runtimes.base import OnCall, nobody_answers
from sandbox.runtimes.fake import FakeRuntime
from sandbox.types import ExecutionRequest, ExecutionResult, SandboxLimits


class CrashingRuntime(FakeRuntime):
    """Kills its own process when the program is `die`."""

    needs_host = True

    def execute(
        self,
        request: ExecutionRequest,
        *,
        on_running: Callable[[], None],
        on_ended: Callable[[], None],
        on_call: OnCall = nobody_answers,
    ) -> ExecutionResult:
        """See `Runtime`."""
        if request.code == "die":
            on_running()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(request, on_running=on_running, on_ended=on_ended, on_call=on_call)


class SlowToLoadRuntime(FakeRuntime):
    """Writes down how far each host that loads it stands back; is never in the cache."""

    name = "slow"
    needs_host = True

    def warm(self, *, guest: str, limits: SandboxLimits) -> None:
        """See `Runtime`."""
        with (self.cache_dir / "niceness").open("a") as file:
            file.write(f"{os.nice(0)} ")

    @classmethod
    def is_cached(cls, cache_dir: Path) -> bool:
        """See `Runtime`."""
        return False
