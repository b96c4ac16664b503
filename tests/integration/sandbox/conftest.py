"""One warm sandbox for all of its tests."""

from collections.abc import Callable, Iterator

import pytest

from sandbox import services
from sandbox.types import ExecutionRequest, ExecutionResult, SandboxLimits

RunProgram = Callable[..., ExecutionResult]


@pytest.fixture(scope="session", autouse=True)
def warm_sandbox() -> Iterator[None]:
    """Compile once, and end the hosts at the end."""
    services.warm()
    yield
    services.shutdown()


@pytest.fixture
def run() -> RunProgram:
    """Run a Python program: `run(code, files=…, stdin=…, **limits)`."""

    def run_program(
        code: str, *, stdin: bytes = b"", files: dict[str, bytes] | None = None, **limits: float
    ) -> ExecutionResult:
        allowed = SandboxLimits(**{"wall_seconds": 60.0, **limits})  # type: ignore[arg-type]
        return services.execute(ExecutionRequest("python", code, stdin=stdin, files=files or {}, limits=allowed))

    return run_program
