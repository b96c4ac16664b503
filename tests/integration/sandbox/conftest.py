"""One warm sandbox for all of its tests, and each of them on every lane."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec

import pytest
from pytest_django.fixtures import Settings

from sandbox.types import ExecutionRequest, ExecutionResult, SandboxLimits

RunProgram = Callable[..., ExecutionResult]
LANES = ["wasmer", "eryx"] if find_spec("eryx") else ["wasmer"]  # pyeryx has no wheel for Python 3.11


@pytest.fixture(scope="session")
def hosts_end() -> Iterator[None]:
    """End the hosts at the end."""
    from sandbox import services  # noqa: PLC0415 - pytest loads this file before Django is ready

    yield
    services.shutdown()


@pytest.fixture(scope="module", autouse=True)
def warm_sandbox(hosts_end: None) -> None:
    """Compile once; open the fast lane again if a test of another folder, run between two files, ended it."""
    from sandbox import services  # noqa: PLC0415 - see above

    services.warm(wait_for_fast_lane=True)


@pytest.fixture(params=LANES)
def lane(request: pytest.FixtureRequest, settings: Settings) -> str:
    """The runtime that takes Python, where it can."""
    lane: str = request.param
    if lane == "wasmer":
        settings.SHANNON_SANDBOX_FAST_RUNTIME = ""
    return lane


@pytest.fixture
def run(lane: str) -> RunProgram:
    """Run a Python program on each lane: `run(code, files=…, stdin=…, **limits)`."""

    from sandbox import services  # noqa: PLC0415 - see above

    def run_program(
        code: str, *, stdin: bytes = b"", files: dict[str, bytes] | None = None, **limits: float
    ) -> ExecutionResult:
        allowed = SandboxLimits(**{"wall_seconds": 60.0, "cpu_seconds": 60.0, **limits})  # type: ignore[arg-type]
        return services.execute(ExecutionRequest("python", code, stdin=stdin, files=files or {}, limits=allowed))

    return run_program
