"""A runtime whose guests can end their host, for tests of the supervisor."""

import os
import signal
from collections.abc import Callable

from sandbox.runtimes.fake import FakeRuntime
from sandbox.types import ExecutionRequest, ExecutionResult


class CrashingRuntime(FakeRuntime):
    """Kills its own process when the program is `die`."""

    needs_host = True

    def execute(
        self, request: ExecutionRequest, *, on_running: Callable[[], None], on_ended: Callable[[], None]
    ) -> ExecutionResult:
        """See `Runtime`."""
        if request.code == "die":
            on_running()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(request, on_running=on_running, on_ended=on_ended)
