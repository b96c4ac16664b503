"""Which runtime takes a run, and that nobody can tell from its result."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from sandbox import services
from sandbox.errors import SandboxRequestInvalid
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, SandboxLimits

fast_lane = pytest.mark.skipif(not find_spec("eryx"), reason="pyeryx has no wheel for Python 3.11")


def execute(
    code: str, *, files: dict[str, bytes] | None = None, limits: SandboxLimits | None = None
) -> ExecutionResult:
    return services.execute(ExecutionRequest("python", code, files=files or {}, limits=limits))


@fast_lane
def test_a_snippet_takes_the_fast_lane_and_tells_what_it_used() -> None:
    result = execute("open('a', 'wb').write(bytes(10)); print(2 + 2)")
    assert (result.runtime, result.stdout, result.limit_hit) == ("eryx", "4\n", "")
    assert (result.resources.output_bytes, result.resources.file_bytes) == (2, 10)
    assert (result.resources.fuel or 0) > 0
    assert 0 < (result.resources.cpu_seconds or 0) < 10


@fast_lane
def test_a_trivial_run_is_a_trivial_amount_of_work() -> None:
    fuel = execute("print(1)").resources.fuel
    assert fuel is not None
    assert fuel < 1_200_000  # 0.67 million when written


def test_without_a_fast_lane_the_general_runtime_takes_it(settings: Settings) -> None:
    settings.SHANNON_SANDBOX_FAST_RUNTIME = ""
    result = execute("print(2 + 2)")
    assert (result.runtime, result.stdout, result.resources.fuel) == ("wasmer", "4\n", None)


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ("import bz2; print(len(bz2.compress(b'x')) > 0)", {}),
        ("import os; os.symlink('a', 'b'); print(os.readlink('b') == 'a')", {}),
        ("print(len(open('big').read()) == 300_000)", {"big": b"x" * 300_000}),
        ("open('out', 'wb').write(bytes(2_000_000)); print(True)", {}),
        ("import os; os.write(1, b'True\\n'); os._exit(0)", {}),
    ],
)
def test_what_the_fast_lane_cannot_do_goes_to_the_general_runtime(code: str, files: dict[str, bytes]) -> None:
    result = execute(code, files=files)
    assert (result.runtime, result.outcome, result.stdout) == ("wasmer", Outcome.OK, "True\n"), result.stderr


@fast_lane
@pytest.mark.parametrize(
    "code",
    [
        "print(open(0).read())",
        "import os; print(os.read(0, 9).decode())",
        "import sys; print(open(sys.stdin.fileno(), closefd=False).read())",
        "print(open('/dev/stdin').read())",
    ],
)
def test_input_is_read_by_its_number_too(code: str) -> None:
    request = ExecutionRequest("python", code, stdin=b"given")
    assert services.execute(request).stdout == "given\n"


@fast_lane
def test_instructions_are_limited_where_they_are_metered() -> None:
    result = execute("print(1)\nwhile True: pass", limits=SandboxLimits(fuel=50_000_000))
    assert (result.outcome, result.limit_hit, result.stdout) == (Outcome.CPU_EXCEEDED, "fuel", "1\n")
    assert "50000000 instructions" in result.message


@fast_lane
def test_runs_whose_limits_change_each_time_find_a_place_in_the_engines_pool() -> None:
    """A guest that was made for other limits is given up, and its place comes back a moment later."""
    for more in range(40):
        limits = SandboxLimits(fuel=50_000_000 + more)
        assert execute("print(1)", limits=limits).stdout == "1\n"


def test_an_instruction_limit_that_no_runtime_would_keep_is_refused(settings: Settings) -> None:
    settings.SHANNON_SANDBOX_FAST_RUNTIME = ""
    with pytest.raises(SandboxRequestInvalid, match="fuel"):
        execute("print(1)", limits=SandboxLimits(fuel=50_000_000))


@fast_lane
def test_runs_of_one_snapshot_do_not_share_their_random_numbers() -> None:
    code = "import random, uuid; print(random.random(), uuid.uuid4())"
    assert len({execute(code).stdout for _ in range(3)}) == 3


def test_what_takes_long_is_compiled_by_a_host_that_stands_back(settings: Settings) -> None:
    settings.SHANNON_SANDBOX_FAST_RUNTIME = "tests.integration.sandbox.runtimes.SlowToLoadRuntime"
    cache = Path(settings.SHANNON_SANDBOX_CACHE_DIR)
    (cache / "niceness").unlink(missing_ok=True)
    services.warm(wait_for_fast_lane=True)
    own = os.nice(0)
    assert (cache / "niceness").read_text() == f"{min(own + 15, 19)} {own} "
    assert execute("whatever").stdout == "whatever"  # the lane is open, and this runtime answers so
