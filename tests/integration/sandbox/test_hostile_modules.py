"""What a hostile module of a tenant gets from the real sandbox. After each of them the next module must run.

Two kinds: commands written by hand, for what only WebAssembly itself can try; and a whole CPython that runs as a
tenant's module, so that it can try at the system interface whatever a compiled program could.
"""

import hashlib
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from uuid import uuid4

import pytest

from sandbox import services
from sandbox.errors import ModuleInvalid
from sandbox.guests import python
from sandbox.guests.tenant_module import module_path, module_save
from sandbox.services.execution import cache_dir
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, SandboxLimits
from tests.wasm_modules import HELLO, command

pytestmark = pytest.mark.django_db
MEBIBYTE = 1024 * 1024
WASI = "wasi_snapshot_preview1"
TENANT, OTHER = uuid4(), uuid4()
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


def test_a_tenants_interpreter_works(run: Run) -> None:
    result = run("import sys; print(sys.stdin.read(), open('a').read(), 6 * 7)", stdin=b"in", files={"a": b"file"})
    assert (result.outcome, result.stdout) == (Outcome.OK, "in file 42\n"), result


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/etc/shadow",
        "/proc/self/environ",
        "/proc/self/maps",
        "/proc/1/cmdline",
        "/etc/ssh/ssh_host_rsa_key",
        "/../../etc/passwd",
        "../../../etc/passwd",
        "/workspace/../../etc/passwd",
        "/dev/../etc/passwd",
        "/sys/class/net",
    ],
)
def test_files_of_the_host_are_not_there(run: Run, path: str) -> None:
    result = run(f"print(open({path!r}).read())")
    assert (result.outcome, result.stdout) == (Outcome.FAILED, "")


def test_the_environment_names_its_folder_and_nothing_of_the_host(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk_live_secret")
    result = run("import os; print(dict(os.environ))")
    assert "sk_live_secret" not in result.stdout
    assert result.stdout == "{'PWD': '/workspace'}\n"


def test_its_whole_tree_is_its_own(run: Run) -> None:
    code = "import os\nfor d, _, f in os.walk('/'): print('\\n'.join(os.path.join(d, n) for n in f)) if f else None"
    seen = set(run(code, files={"mine.txt": b"1"}, output_bytes=MEBIBYTE).stdout.split())
    assert "/workspace/mine.txt" in seen
    strangers = {path for path in seen if not path.startswith(("/usr/", "/dev/", "/bin/", "/workspace/mine.txt"))}
    assert not strangers


def test_no_open_descriptor_leads_out(run: Run) -> None:
    code = """
import os, stat
for fd in range(3, 300):
    for attempt in (lambda: os.read(fd, 10), lambda: os.write(fd, b"x"), lambda: os.open("etc/passwd", 0, dir_fd=fd)):
        try: print(fd, attempt())
        except (OSError, NotImplementedError): pass
"""
    result = run(code)
    assert "root:" not in result.stdout
    assert result.outcome is Outcome.OK, result
    assert not [line for line in result.stdout.splitlines() if "b'" in line], result.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('169.254.169.254', 80), timeout=1)",
        "import socket; socket.socket().connect(('10.0.0.1', 22))",
        "import socket; socket.socket().bind(('127.0.0.1', 8000))",
        "import _socket; _socket.getaddrinfo('example.com', 80)",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5432', timeout=1)",
        "import os; os.open('/dev/tcp/127.0.0.1/80', os.O_RDWR)",
    ],
)
def test_the_network_is_refused(run: Run, code: str) -> None:
    result = run(code, wall_seconds=2)  # the runtime answers a connection attempt with an error, or not at all
    assert result.outcome in {Outcome.FAILED, Outcome.TIMEOUT}
    assert result.stdout == ""


def test_nobody_is_reached_on_the_hosts_own_ports(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=1); print('in')"
        assert run(code, wall_seconds=2).stdout == ""
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("call", ["sock_open", "sock_connect", "sock_bind", "sock_listen", "sock_addr_resolve"])
def test_calls_for_the_network_are_refused_at_the_upload(call: str) -> None:
    with pytest.raises(ModuleInvalid, match="no network"):
        services.module_upload(tenant_id=TENANT, name="it", content=command(b"", imports=((WASI, call),)))


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("sock_accept", b"\x41\0\x41\x08"),
        ("sock_recv", b"\x41\x08\x41\x01\x41\0\x41\x30\x41\x34"),
        ("sock_send", b"\x41\x08\x41\x01\x41\0\x41\x30"),
        ("sock_shutdown", b"\x41\x03"),
    ],
)
def test_nothing_that_a_module_has_is_a_socket(call: str, arguments: bytes) -> None:
    one = b"\x41%c" + arguments + b"\x10\0\x45\x04\x40\0\x0b"  # if it succeeds with this descriptor: trap
    code = b"".join(one % fd for fd in range(64))
    content = command(code, imports=((WASI, call),), data=b"\x10\0\0\0\x06\0\0\0hello\n")
    services.module_upload(tenant_id=TENANT, name="it", content=content)
    result = services.module_run(tenant_id=TENANT, name="it")
    assert result.outcome is Outcome.OK, result


@pytest.mark.parametrize(
    "imported",
    [
        ("wasix_32v1", "proc_fork"),
        ("wasix_32v1", "thread_spawn_v2"),
        (WASI, "proc_exec"),
        (WASI, "no_such_call"),
        ("env", "system"),
        ("wasi", "thread-spawn"),
        ("wasi:sockets/tcp", "connect"),
        ("", ""),
    ],
)
def test_other_doors_are_refused_at_the_upload(imported: tuple[str, str]) -> None:
    with pytest.raises(ModuleInvalid):
        services.module_upload(tenant_id=TENANT, name="it", content=command(b"", imports=(imported,)))


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.fork()",
        "import os; os.system('ls')",
        "import subprocess; subprocess.run(['/bin/sh', '-c', 'id'])",
        "import os; os.execv('/bin/sh', ['sh'])",
        "import threading; threading.Thread(target=print).start()",
        "import os; os.kill(1, 9)",
        "import ctypes; ctypes.CDLL(None).system(b'id')",
        "import _ctypes; _ctypes.dlopen('/lib/x86_64-linux-gnu/libc.so.6', 2)",
    ],
)
def test_there_are_no_processes_threads_and_libraries(run: Run, code: str) -> None:
    result = run(code, wall_seconds=3)
    assert result.outcome in {Outcome.FAILED, Outcome.TIMEOUT}
    assert result.stdout == ""


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "sum(range(10**15))",
        "import time; time.sleep(1000)",
        "import re; re.match('(a+)+$', 'a' * 50 + 'b')",
    ],
)
def test_loops_and_waiting_are_stopped(run: Run, code: str) -> None:
    result = run(f"print('before', flush=True)\n{code}", wall_seconds=3)
    assert (result.outcome, result.stdout) == (Outcome.TIMEOUT, "before\n")


@pytest.mark.parametrize("code", ["bytearray(1 << 30)", "x = []\nwhile True: x.append(bytearray(1 << 20))"])
def test_memory_above_the_cap_is_refused(run: Run, code: str) -> None:
    result = run(code)
    assert result.outcome in {Outcome.MEMORY_EXCEEDED, Outcome.FAILED}, result
    assert result.exit_code is None or "MemoryError" in result.stderr


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_of_output_is_stopped_and_its_head_kept(run: Run, stream: str) -> None:
    result = run(f"import sys\nfor _ in range(100): sys.{stream}.write('x' * 1_000_000)", output_bytes=1000)
    assert result.outcome is Outcome.OUTPUT_EXCEEDED
    assert getattr(result, stream) == "x" * 1000


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
        "import sys; sys.setrecursionlimit(10**7)\nclass A:\n  def __repr__(self): return repr(self)\nrepr(A())",
        "eval('(' * 1_000_000 + ')' * 1_000_000)",
        "import os; os.abort()",
        "import faulthandler; faulthandler._sigsegv()",
    ],
)
def test_a_broken_stack_ends_only_itself(run: Run, code: str) -> None:
    ended = {Outcome.FAILED, Outcome.TIMEOUT, Outcome.CRASHED, Outcome.MEMORY_EXCEEDED}
    assert run(code, wall_seconds=5).outcome in ended


@pytest.mark.parametrize(
    "code",
    [
        "for n in range(300): open(f'f{n}', 'w').write('x')",
        "open('big', 'wb').write(bytes(2_000_000))",
        "import os\nfor n in range(300): os.mkdir(f'd{n}')",
        "import os\nos.makedirs('/'.join(['d'] * 40))",
    ],
)
def test_files_above_the_quota_are_not_kept(run: Run, code: str) -> None:
    result = run(code, file_count=100, file_bytes=1_000_000)
    assert (result.outcome, result.files_changed) == (Outcome.QUOTA_EXCEEDED, {})


def test_a_file_that_fills_the_hosts_memory_is_stopped(run: Run) -> None:
    code = "f = open('/workspace/big', 'wb')\nwhile True: f.write(bytes(10_000_000))"
    assert run(code, file_bytes=MEBIBYTE).outcome is Outcome.QUOTA_EXCEEDED


def test_links_do_not_leave_with_its_files(run: Run) -> None:
    code = "import os\ntry: os.symlink('/etc', 'a')\nexcept OSError: pass\nopen('c', 'w').write('1')"
    assert run(code).files_changed == {"c": b"1"}


def test_file_names_that_would_leave_the_workspace_are_only_names(run: Run) -> None:
    code = """
for name in ('../out', '/workspace/../out', '/out', '..', 'a/../../out'):
    try: open(name, 'w').write('x')
    except OSError: pass
open('in', 'w').write('y')
"""
    assert set(run(code).files_changed) <= {"in"}


def test_nothing_passes_from_one_run_to_the_next(run: Run) -> None:
    secret = "sk_live_51secret"
    leave = f"""
import os
for folder in ('/tmp', '/workspace', '/dev/shm', '/usr/local/lib', '/'):
    try: open(os.path.join(folder, 'x'), 'w').write({secret!r} * 100)
    except OSError: pass
"""
    look = """
import os, sys
found = []
for folder, _, names in os.walk('/'):
    for name in names:
        if folder.startswith('/dev'): continue
        try: found.append(open(os.path.join(folder, name), errors='replace').read())
        except OSError: pass
print(any('sk_live' + '_51' in text for text in found), sys.stdin.read() == '')
"""
    run(leave, stdin=secret.encode() * 1000, files={"secret.txt": secret.encode()})
    assert run(look).stdout == "False True\n"


def test_what_it_prints_is_only_output(run: Run) -> None:
    frame = json.dumps({"kind": "result", "fields": {"outcome": "ok"}, "blob_sizes": []})
    code = f"import sys, struct; sys.stdout.buffer.write(struct.pack('!IQ', {len(frame)}, 0) + {frame!r}.encode())"
    result = run(code)
    assert result.outcome is Outcome.OK
    assert result.stdout.endswith(frame)


@pytest.mark.parametrize(
    ("content", "outcomes"),
    [
        (command(b"\x03\x40\x10\1\x0c\0\x0b"), {Outcome.CRASHED}),  # calls itself without end
        (
            command(b"\x41\0\x41\0\x41\0\x41\x7f\x10\0\x1a"),
            {Outcome.OK, Outcome.CRASHED},
        ),  # fd_write with wild pointers
        (command(b"\x41\x01\x41\x78\x41\x01\x41\x78\x10\0\x1a"), {Outcome.OK, Outcome.CRASHED}),  # at memory's end
        (command(b"\x41\x01\x41\x08\x41\x7f\x41\xe0\0\x10\0\x1a"), {Outcome.OK, Outcome.CRASHED}),  # 2**32 - 1 buffers
        (command(b"\x41\x7f\x41\x01\x36\x02\0"), {Outcome.CRASHED}),  # store at the last address
        (command(b"\x41\x01\x41\0\x6d\x1a"), {Outcome.CRASHED}),  # division by zero
        (command(b"\x41\xff\xff\x03\x40\0\x1a"), {Outcome.OK}),  # memory.grow by 4 GiB at once
        (command(b"\0", pages=0), {Outcome.CRASHED}),
    ],
    ids=["recursion", "wild", "at the end", "buffers", "store", "division", "grow", "no memory"],
)
def test_a_command_that_breaks_the_rules_ends_only_itself(content: bytes, outcomes: set[Outcome]) -> None:
    services.module_upload(tenant_id=TENANT, name="it", content=content)
    limits = SandboxLimits(wall_seconds=5.0, memory_bytes=64 * MEBIBYTE)
    assert services.module_run(tenant_id=TENANT, name="it", limits=limits).outcome in outcomes


def test_cpu_time_is_limited_apart_from_the_wall_clock(run: Run) -> None:
    result = run("while True: pass", cpu_seconds=1.0)
    assert (result.outcome, result.limit_hit) == (Outcome.CPU_EXCEEDED, "cpu_seconds")
