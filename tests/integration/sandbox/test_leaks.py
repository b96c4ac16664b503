"""Nothing passes from one run, session or tenant to another, and nothing into what the machine has compiled."""

import hashlib
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings

from sandbox import services
from sandbox.types import ExecutionRequest, Outcome, SandboxLimits
from tests.integration.sandbox.conftest import RunProgram
from tests.wasm_modules import FILL_MEMORY, PRINT_MEMORY

LIMITS = SandboxLimits(wall_seconds=20, cpu_seconds=20, memory_bytes=64 * 1024 * 1024)
SECRET = "sk_live_51secret"


def compiled() -> dict[str, str]:
    """Return what the machine has compiled, by name."""
    folder = Path(settings.SHANNON_SANDBOX_CACHE_DIR)
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix in {".bin", ".cwasm", ".webc"})
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_no_program_writes_into_what_the_machine_has_compiled(run: RunProgram) -> None:
    cache = str(Path(settings.SHANNON_SANDBOX_CACHE_DIR).resolve())
    services.execute(ExecutionRequest("javascript", "", limits=LIMITS))  # which may compile
    before = compiled()
    assert before
    code = """
import os
def poison(folder):
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                with open(os.path.join(place, name), "ab") as file: file.write(b"poison")
            except OSError:
                pass
for folder in (CACHE, CACHE.lstrip("/"), "/sandbox-cache", "/proc/self/cwd", ".", "..", "/"):
    poison(folder)
    try: open(os.path.join(folder, "poison.bin"), "w").write("x")
    except OSError: pass
"""
    run(f"CACHE = {cache!r}\n{code}", wall_seconds=20)
    javascript = f"for (const name of os.readdir({cache!r})[0]) std.open({cache!r} + '/' + name, 'w')?.puts('poison')"
    services.execute(ExecutionRequest("javascript", javascript, limits=LIMITS))
    after = compiled()
    assert {path: after.get(path) for path in before} == before  # another process may have compiled more meanwhile
    assert not [path for path in after if path.endswith("poison.bin")]
    assert run("print('fine')").stdout == "fine\n"


def test_what_a_program_changes_of_the_standard_library_is_its_own(run: RunProgram) -> None:
    """The library of the general lane is mapped from a file that all hosts share."""
    before = compiled()
    code = """
import json, os, shutil
for change in (
    lambda: open(json.__file__, "r+b").write(b"poison" * 10),
    lambda: open(json.__file__, "wb").write(b"poison"),
    lambda: os.remove(json.__file__),
    lambda: os.rename(os.path.dirname(os.__file__), "/elsewhere"),
    lambda: shutil.rmtree("/shannon"),
):
    try: change()
    except OSError: pass
"""
    assert run(code).outcome is Outcome.OK
    for _ in range(3):  # the guest that waited meanwhile, and others
        assert run("import json, textwrap; print(json.dumps([1]), textwrap.dedent(' 2'))").stdout == "[1] 2\n"
    after = compiled()
    assert {path: after.get(path) for path in before} == before


def test_a_run_sees_nothing_of_the_one_before_it(run: RunProgram) -> None:
    run(
        f"import os; x = [{SECRET!r} * 1000] * 1000; open('/tmp/x', 'w').write(x[0]); os.environ['K'] = x[0]", stdin=b""
    )
    code = f"""
import gc, os, sys
seen = []
for folder, _, names in os.walk("/"):
    for name in names:
        if folder.startswith(("/usr", "/shannon", "/bin", "/dev")) or name == "main.py": continue
        try: seen.append(open(os.path.join(folder, name), errors="replace").read())
        except OSError: pass
seen += [str(dict(os.environ)), sys.stdin.read()]
texts = [item for item in gc.get_objects() if isinstance(item, dict)]
print(any({SECRET[:8]!r} + {SECRET[8:]!r} in text for text in seen), len(texts) > 0)
"""
    assert run(code).stdout == "False True\n"


@pytest.mark.django_db
def test_a_tenants_module_finds_its_memory_empty_after_anothers() -> None:
    one, other = uuid4(), uuid4()
    services.module_upload(tenant_id=one, name="fill", content=FILL_MEMORY)
    services.module_upload(tenant_id=other, name="look", content=PRINT_MEMORY)
    for _ in range(3):
        assert services.module_run(tenant_id=one, name="fill", limits=LIMITS).outcome is Outcome.OK
        found = services.module_run(tenant_id=other, name="look", limits=LIMITS)
        assert (found.outcome, found.stdout) == (Outcome.OK, "\0" * 65_000)


@pytest.mark.django_db
def test_tenants_with_the_same_module_share_what_is_compiled_and_nothing_else() -> None:
    one, other = uuid4(), uuid4()
    for tenant_id in (one, other):
        services.module_upload(tenant_id=tenant_id, name="look", content=PRINT_MEMORY)
    services.module_run(tenant_id=one, name="look", files={"secret": b"1"}, limits=LIMITS)
    before = compiled()
    result = services.module_run(tenant_id=other, name="look", limits=LIMITS)
    assert (result.files_changed, result.files_deleted) == ({}, ())
    assert compiled() == before
    services.module_delete(tenant_id=one, name="look")
    assert services.module_run(tenant_id=other, name="look", limits=LIMITS).outcome is Outcome.OK


def test_a_program_of_one_session_gets_no_file_of_another(run: RunProgram) -> None:
    tenant_id, limits = uuid4(), services.limits_default()
    mine = services.workspace_open(tenant_id=tenant_id, session_id=uuid4())
    others = [
        services.workspace_open(tenant_id=tenant_id, session_id=uuid4()),
        services.workspace_open(tenant_id=uuid4(), session_id=uuid4()),
        services.memory_files_open(tenant_id=tenant_id, user_id="ann"),
    ]
    mine.write("own.txt", b"own")
    for other in others:
        other.write("secret.txt", SECRET.encode())
    files = mine.files_snapshot(file_count=limits.file_count, file_bytes=limits.file_bytes)
    folder = str(Path(settings.SHANNON_WORKSPACE_DIR).resolve())
    code = f"import os; print(sorted(os.listdir()), os.path.exists({folder!r}), list(os.walk('..'))[0][1:] != ())"
    assert run(code, files=files).stdout == "['own.txt'] False True\n"
