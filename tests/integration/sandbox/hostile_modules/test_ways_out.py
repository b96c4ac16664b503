"""A tenant's module finds no way out: no files, no environment, no network, no processes."""

import socket

import pytest

from sandbox import services
from sandbox.errors import ModuleInvalid
from sandbox.types import Outcome
from tests.integration.sandbox.hostile_modules.running import MEBIBYTE, TENANT, WASI, Run, next_module_runs, run
from tests.wasm_modules import command

__all__ = ["next_module_runs", "run"]
pytestmark = pytest.mark.django_db


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
    ("code", "outcome"),
    [
        # nobody answers who asks the runtime for the network, until its time is over
        ("import socket; socket.create_connection(('169.254.169.254', 80), timeout=1)", Outcome.TIMEOUT),
        ("import socket; socket.socket().connect(('10.0.0.1', 22))", Outcome.TIMEOUT),
        ("import socket; socket.socket().bind(('127.0.0.1', 8000))", Outcome.TIMEOUT),
        ("import urllib.request; urllib.request.urlopen('http://127.0.0.1:5432', timeout=1)", Outcome.TIMEOUT),
        ("import _socket; _socket.getaddrinfo('example.com', 80)", Outcome.FAILED),
        ("import os; os.open('/dev/tcp/127.0.0.1/80', os.O_RDWR)", Outcome.FAILED),
    ],
)
def test_the_network_is_refused(run: Run, code: str, outcome: Outcome) -> None:
    result = run(code, wall_seconds=2 if outcome is Outcome.TIMEOUT else 60)
    assert (result.outcome, result.stdout) == (outcome, "")


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
    ("code", "outcome"),
    [
        ("import os; os.fork()", Outcome.FAILED),
        ("import os; os.system('ls')", Outcome.FAILED),
        ("import subprocess; subprocess.run(['/bin/sh', '-c', 'id'])", Outcome.TIMEOUT),  # nobody answers that either
        ("import os; os.execv('/bin/sh', ['sh'])", Outcome.FAILED),
        ("import threading; threading.Thread(target=print).start()", Outcome.FAILED),
        ("import os; os.kill(1, 9)", Outcome.FAILED),
        ("import ctypes; ctypes.CDLL(None).system(b'id')", Outcome.FAILED),
        ("import _ctypes; _ctypes.dlopen('/lib/x86_64-linux-gnu/libc.so.6', 2)", Outcome.FAILED),
    ],
)
def test_there_are_no_processes_threads_and_libraries(run: Run, code: str, outcome: Outcome) -> None:
    result = run(code, wall_seconds=3 if outcome is Outcome.TIMEOUT else 60)
    assert (result.outcome, result.stdout) == (outcome, "")


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
