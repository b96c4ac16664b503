"""A tenant's module that runs whatever it is told: an interpreter of Python that the tenant uploaded."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from uuid import uuid4

import pytest

from sandbox import services
from sandbox.guests import python
from sandbox.guests.tenant_module import module_path, module_save
from sandbox.services.execution import cache_dir
from sandbox.types import ExecutionRequest, ExecutionResult, SandboxLimits
from tests.wasm_modules import HELLO

MEBIBYTE = 1024 * 1024
TENANT, OTHER = uuid4(), uuid4()
WASI = "wasi_snapshot_preview1"
Run = Callable[..., ExecutionResult]


@pytest.fixture(autouse=True)
def next_module_runs() -> Iterator[None]:
    """Whatever a module did, the one after it does not notice, be it another tenant's."""
    yield
    services.module_upload(tenant_id=OTHER, name="hello", content=HELLO)
    assert services.module_run(tenant_id=OTHER, name="hello").stdout == "hello\n"


@pytest.fixture
def run() -> Run:
    """Run a program in a CPython that is a tenant's module: `run(code, files=…, stdin=…, **limits)`.

    It is kept as an upload keeps it, but for the row that says whose it is.
    """
    content = python.module_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if not module_path(cache_dir(), sha256).is_file():
        module_save(cache_dir(), sha256, content)

    def run_program(
        code: str, *, stdin: bytes = b"", files: Mapping[str, bytes] | None = None, **limits: float
    ) -> ExecutionResult:
        allowed = SandboxLimits(**{"wall_seconds": 60.0, "cpu_seconds": 60.0, **limits})  # type: ignore[arg-type]
        arguments = ("-I", "-S", "-c", f"import os; os.chdir(os.environ['PWD']); del os\n{code}")
        return services.execute(
            ExecutionRequest(
                "module", module_sha256=sha256, arguments=arguments, stdin=stdin, files=files or {}, limits=allowed
            )
        )

    return run_program
