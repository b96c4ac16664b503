"""What a hostile program gets from the real sandbox. After each of them the next program must run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.types import Outcome
from tests.integration.sandbox.conftest import RunProgram

MEBIBYTE = 1024 * 1024
FAILED, TIMEOUT, CRASHED = Outcome.FAILED, Outcome.TIMEOUT, Outcome.CRASHED
QUOTA_EXCEEDED, MEMORY_EXCEEDED = Outcome.QUOTA_EXCEEDED, Outcome.MEMORY_EXCEEDED


@pytest.fixture(autouse=True)
def next_program_runs(run: RunProgram) -> Iterator[None]:
    """Whatever a program did, the one after it does not notice."""
    yield
    assert run("print('fine')").stdout == "fine\n"


def test_a_loop_is_stopped_and_what_it_printed_is_kept(run: RunProgram) -> None:
    result = run("print('before')\nwhile True: pass", wall_seconds=1)
    assert (result.outcome, result.exit_code, result.stdout) == (Outcome.TIMEOUT, None, "before\n")
    assert 1.0 <= result.resources.wall_seconds < 60.0
    assert "1 s" in result.message


@pytest.mark.parametrize(
    "code",
    ["import time; time.sleep(1000)", "sum(range(10**15))", "import re; re.match('(a+)+$', 'a' * 50 + 'b')"],
)
def test_waiting_and_native_loops_are_stopped_too(run: RunProgram, code: str) -> None:
    assert run(code, wall_seconds=0.5).outcome is Outcome.TIMEOUT


def test_cpu_time_is_limited_apart_from_the_wall_clock(run: RunProgram) -> None:
    result = run("print('before')\nwhile True: pass", cpu_seconds=0.3)
    assert (result.outcome, result.limit_hit, result.stdout) == (Outcome.CPU_EXCEEDED, "cpu_seconds", "before\n")
    assert run("import time; time.sleep(0.6); print('idle')", cpu_seconds=0.5).stdout == "idle\n"


@pytest.mark.parametrize(
    "code", ["bytearray(1 << 30)", "x = []\nwhile True: x.append(bytearray(1 << 20))", "'a' * (1 << 30)"]
)
def test_memory_above_the_cap_is_refused(run: RunProgram, code: str) -> None:
    result = run(code, memory_bytes=256 * MEBIBYTE)
    assert (result.outcome, result.exit_code) == (Outcome.MEMORY_EXCEEDED, None)
    assert str(256 * MEBIBYTE) in result.message


def test_a_program_may_survive_the_refusal(run: RunProgram) -> None:
    result = run("try:\n  bytearray(1 << 30)\nexcept MemoryError:\n  print('smaller then')")
    assert (result.outcome, result.stdout) == (Outcome.OK, "smaller then\n")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_of_output_is_stopped_and_its_head_kept(run: RunProgram, stream: str) -> None:
    code = f"import sys\nfor _ in range(100): sys.{stream}.write('x' * 1_000_000)"
    result = run(code, output_bytes=1000)
    assert result.outcome is Outcome.OUTPUT_EXCEEDED
    assert getattr(result, stream) == "x" * 1000
    assert (result.stdout_truncated, result.stderr_truncated) == (stream == "stdout", stream == "stderr")


# The two interpreters have stacks of their own, so that the same program meets another end of it: what it must get is
# named for each lane, the fast one first.
@pytest.mark.parametrize(
    ("code", "fast", "general"),
    [
        ("def f(): f()\nf()", FAILED, FAILED),
        ("import sys; sys.setrecursionlimit(10**9)\ndef f(): f()\nf()", CRASHED, TIMEOUT),
        (
            "import sys; sys.setrecursionlimit(10**7)\nclass A:\n  def __repr__(self): return repr(self)\nrepr(A())",
            CRASHED,
            CRASHED,
        ),
        ("eval('(' * 1_000_000 + ')' * 1_000_000)", CRASHED, FAILED),
        ("x = []\nfor _ in range(100_000): x = [x]\nrepr(x)", CRASHED, FAILED),
        ("import json; json.loads('[' * 100_000)", CRASHED, FAILED),
        ("import os; os.abort()", CRASHED, CRASHED),
        ("import ctypes; ctypes.string_at(0)", FAILED, FAILED),
        ("import sys; sys.stdout.close(); raise ValueError", FAILED, FAILED),
    ],
)
def test_recursion_and_aborts_end_only_themselves(
    run: RunProgram, lane: str, code: str, fast: Outcome, general: Outcome
) -> None:
    outcome = fast if lane == "eryx" else general
    # Time is what ends the one that recurses without end and without a stack that it could use up, and no other.
    assert run(code, wall_seconds=2 if outcome is TIMEOUT else 60).outcome is outcome


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/etc/hostname", "/proc/self/environ", "/etc/shadow", "/../../etc/passwd", "/.app/x"]
)
def test_host_files_are_not_there(run: RunProgram, path: str) -> None:
    result = run(f"print(open({path!r}).read())")
    assert (result.outcome, result.stdout) == (Outcome.FAILED, "")


def test_the_tree_holds_the_interpreter_and_nothing_of_the_host(run: RunProgram) -> None:
    code = "import os\nfor d, _, f in os.walk('/'): print('\\n'.join(os.path.join(d, n) for n in f)) if f else None"
    seen = {path for path in run(code, output_bytes=MEBIBYTE).stdout.split() if not path.startswith("/shannon/lib/")}
    interpreter = {"/usr/local/lib/python312.zip", "/usr/local/lib/python3.12/os.py"}
    assert not {path for path in seen - interpreter if not path.startswith(("/bin/", "/dev/", "/tmp/main.py", "/usr/"))}
    here = str(Path(__file__).parent)
    assert run(f"import os; print(os.path.exists({here!r}))").stdout == "False\n"


def test_the_hosts_environment_is_not_there(run: RunProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk_live_secret")
    assert run("import os; print(dict(os.environ))").stdout == "{}\n"


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('169.254.169.254', 80), timeout=1)",
        "import socket; s = socket.socket(); s.connect(('10.0.0.1', 22))",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5432', timeout=1)",
        "import socket; socket.create_connection(('example.com', 80))",
    ],
)
def test_there_is_no_network(run: RunProgram, code: str) -> None:
    result = run(code, wall_seconds=10)
    assert result.outcome is Outcome.FAILED, result
    assert result.stdout == ""


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.fork()",
        "import os; os.system('ls')",
        "import subprocess; subprocess.run(['/bin/sh', '-c', 'id'])",
        "import os; os.execv('/bin/python', ['python', '-c', 'print(1)'])",
        "import threading; threading.Thread(target=print).start()",
        "import os; os.kill(1, 9)",
    ],
)
def test_there_are_no_processes_and_threads(run: RunProgram, code: str) -> None:
    result = run(code, wall_seconds=10)
    assert (result.outcome, result.stdout) == (Outcome.FAILED, "")


@pytest.mark.parametrize(
    "code",
    [
        "for n in range(300): open(f'f{n}', 'w').write('x')",
        "open('big', 'wb').write(bytes(2_000_000))",
        "import os\nfor n in range(300): os.mkdir(f'd{n}')",
        "import os\nos.makedirs('/'.join(['d'] * 40))",
    ],
)
def test_files_above_the_quota_are_not_kept(run: RunProgram, code: str) -> None:
    result = run(code, file_count=100, file_bytes=1_000_000)
    assert (result.outcome, result.files_changed) == (Outcome.QUOTA_EXCEEDED, {})


@pytest.mark.parametrize("path", ["/workspace/big", "/tmp/big"])
def test_files_that_fill_the_hosts_memory_are_stopped(run: RunProgram, path: str) -> None:
    code = f"f = open({path!r}, 'wb')\nwhile True: f.write(bytes(10_000_000))"
    result = run(code, file_bytes=MEBIBYTE)
    assert result.outcome is Outcome.QUOTA_EXCEEDED


def test_links_are_not_copied_out(run: RunProgram) -> None:
    code = "import os\nos.symlink('/usr/local', 'a'); os.symlink('/workspace', 'b'); open('c', 'w').write('1')"
    assert run(code).files_changed == {"c": b"1"}


def test_writing_into_the_interpreters_own_library_changes_no_later_run(run: RunProgram) -> None:
    run("open('/shannon/lib/python3.12/colorsys.py', 'w').write('print(666)')")
    run("import os; os.remove('/shannon/lib/python3.12/colorsys.pyc')")
    assert run("import colorsys; print(colorsys.rgb_to_hsv(1, 1, 1))").stdout == "(0.0, 0.0, 1)\n"


def test_pretending_to_be_the_protocol_is_only_output(run: RunProgram) -> None:
    result = run("import sys; sys.stdout.buffer.write(b'\\x06\\0\\0\\0\\2{}')")
    assert (result.outcome, result.stdout) == (Outcome.OK, "\x06\0\0\0\2{}")


@pytest.mark.parametrize(
    "poison",
    [
        "import json; json.dumps = lambda *_: 'poisoned'",
        "import builtins; builtins.len = lambda *_: 666",
        "import sys; sys.modules['json'] = None",
        "import os; os.listdir = None; os.getcwd = lambda: 'poisoned'",
        "import sys; sys.path.insert(0, '/tmp'); open('/tmp/json.py', 'w').write('poisoned = 1')",
        "import base64, random; base64.b64decode = None; random.seed = None",
        "import gc, sys; sys.setrecursionlimit(50); gc.disable()",
        "import io; io.TextIOWrapper = None; io.FileIO = None",
    ],
)
def test_what_a_program_does_to_its_interpreter_ends_with_it(run: RunProgram, poison: str) -> None:
    run(f"SECRET = 'of another tenant'\n{poison}")
    code = """
import base64, gc, json, os, random, sys
print(json.dumps([len('ab'), os.getcwd(), os.listdir()]), sys.getrecursionlimit() > 500, gc.isenabled())
print(any('SECRET' in item for item in gc.get_objects() if type(item) is dict and '__name__' in item))
"""
    assert run(code).stdout == '[2, "/workspace", []] True True\nFalse\n'


@pytest.mark.parametrize(
    ("code", "fast", "general"),
    [
        ("open('../../etc/passwd').read()", FAILED, FAILED),
        ("open('/workspace/../../../etc/passwd').read()", FAILED, FAILED),
        ("import os; os.open('..', os.O_RDONLY); open('/sandbox-cache/x', 'w').write('poison')", FAILED, FAILED),
        ("import os; os.chdir('/'); os.chdir('..'); print(open('proc/1/environ').read())", FAILED, FAILED),
        ("import os; os.link('/etc/passwd', 'a'); print(open('a').read())", FAILED, FAILED),
        ("open('/dev/mem', 'rb').read(1); raise SystemExit(1)", FAILED, FAILED),
        ("import os; os.mknod('/workspace/disk')", FAILED, FAILED),
        # an open file of the fast guest is memory of its own; the general one has a table that runs full
        ("x = [open('a', 'w') for _ in range(1_000_000)]", MEMORY_EXCEEDED, CRASHED),
        # a file with a hole of 16 TiB: one engine counts it, the other one's host asks for it and is gone
        ("with open('a', 'wb') as f: f.seek(1 << 44); f.write(b'x')", QUOTA_EXCEEDED, CRASHED),
        ("import os; os.mkfifo('/workspace/pipe'); open('/workspace/pipe')", FAILED, FAILED),
    ],
)
def test_ways_out_and_ways_to_hoard_end_only_the_program(
    run: RunProgram, lane: str, code: str, fast: Outcome, general: Outcome
) -> None:
    result = run(code, file_bytes=MEBIBYTE)
    assert result.outcome is (fast if lane == "eryx" else general), result
    assert "root:" not in result.stdout
