"""What a process that has confined itself can still do."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

CONFINE = """
import ctypes, os, socket, sys, threading
from sandbox.host.syscalls import network_left, syscalls_filtered
print(network_left(), syscalls_filtered())
"""


def confined(code: str) -> list[str]:
    """Run code in a process that confined itself; returns what it printed, or skips where the kernel offers nothing."""
    command = [sys.executable, "-c", CONFINE + code]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    if sys.platform != "linux" or "False" in lines[0]:
        pytest.skip(f"not offered here: {lines}")
    assert done.returncode == 0, done.stderr
    return lines[1:]


ATTEMPT = """
def attempt(action):
    try:
        action()
    except PermissionError:
        print("refused")
    else:
        print("done")
"""


@pytest.mark.parametrize(
    "action",
    [
        "lambda: os.execv('/bin/true', ['true'])",
        "lambda: os.fork()",
        "lambda: os.posix_spawn('/bin/true', ['true'], {})",
        "lambda: socket.socket()",
        "lambda: socket.socket(socket.AF_UNIX)",
        "lambda: os.kill(os.getppid(), 0)",
        "lambda: os.symlink('/etc', '/tmp/never')",
        "lambda: os.chroot('/tmp')",
        "lambda: os.setuid(1)",
    ],
)
def test_what_no_host_needs_is_refused(action: str) -> None:
    assert confined(f"{ATTEMPT}\nattempt({action})") == ["refused"]


def test_what_a_host_needs_stays() -> None:
    code = """
thread = threading.Thread(target=lambda: print("thread"))
thread.start(); thread.join()
socket.socketpair()
open("/proc/self/statm").read()
os.kill(os.getpid(), 0)
print("fine")
"""
    assert confined(code) == ["thread", "fine"]


@pytest.mark.skipif(not find_spec("eryx"), reason="pyeryx has no wheel for Python 3.11")
def test_the_fast_guest_can_unpack_its_library_on_a_fresh_machine(tmp_path: Path) -> None:
    code = f"""
os.environ |= {{"HOME": {str(tmp_path)!r}, "TMPDIR": {str(tmp_path)!r}}}
import eryx
print(eryx.Sandbox().execute("import zoneinfo; print('unpacked')").stdout.decode(), end="")
"""
    assert confined(code) == ["unpacked"]
    assert list(tmp_path.iterdir())


def test_there_is_no_interface_but_a_dead_loopback() -> None:
    assert confined("print(open('/proc/self/net/dev').read().count(':'))") == ["1"]
