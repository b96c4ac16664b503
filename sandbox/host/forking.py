"""What `python -m sandbox.host` is until it forks: the process that the hosts of one runtime are forked from.

It has imported what every host needs, has one thread, sees no program and nothing that a program left, and serves no
frame: a host begins where it stands, confined, within milliseconds. Only it signals its hosts and reaps them, so that
no signal can meet a process that has taken the number of a dead one.

The worker asks on a socket, one request at a time, each answered by a number: `F` with four descriptors (the host's
frames in and out, its standard error, its note of `sandbox.host.begun`) forks a host: its process id. `K` kills a host
with all that it started, `W` kills it and waits until it is gone, `S` asks how it ended: its exit code, negative for a
signal; `RUNNING` while it lives.
"""

import os
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress

FORK, KILL, WAIT, STATE = b"F", b"K", b"W", b"S"
REQUEST, ANSWER = struct.Struct("!cq"), struct.Struct("!q")
RUNNING = 1 << 32
DESCRIPTORS = 4

Serve = Callable[[list[int]], None]  # becomes a host with these descriptors, and returns when it is to end


def hosts_forked(asked: socket.socket, serve: Serve) -> None:
    """Fork, kill and reap hosts until the worker closes the socket; then end them all."""
    hosts: set[int] = set()
    while True:
        request, descriptors, _, _ = socket.recv_fds(asked, REQUEST.size, DESCRIPTORS)
        if len(request) < REQUEST.size:
            break
        kind, pid = REQUEST.unpack(request)
        if kind == FORK:
            pid = os.fork()
            if pid == 0:
                asked.detach()
                _become_host(serve, descriptors)
            hosts.add(pid)
            for descriptor in descriptors:
                os.close(descriptor)
            answer = pid
        else:
            answer = _looked_after(kind, pid, hosts)
        asked.sendall(ANSWER.pack(answer))
    for pid in list(hosts):
        _looked_after(WAIT, pid, hosts)


def _looked_after(kind: bytes, pid: int, hosts: set[int]) -> int:
    if pid not in hosts:
        return 0
    if kind == STATE:
        seen = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if seen is None:
            return RUNNING
        return seen.si_status if seen.si_code == os.CLD_EXITED else -seen.si_status
    for send in (os.kill, os.killpg):  # it leads a group of its own as soon as it has begun
        with suppress(ProcessLookupError, PermissionError):
            send(pid, signal.SIGKILL)
    if kind == WAIT:
        os.waitpid(pid, 0)
        hosts.discard(pid)
    return 0


def _become_host(serve: Serve, descriptors: list[int]) -> None:
    code = 0
    try:
        os.setsid()
        # Nothing that prints by mistake may write into the frames: standard output is standard error.
        os.dup2(descriptors[2], 2)
        os.dup2(descriptors[2], 1)
        sys.stderr = os.fdopen(descriptors[2], "w", buffering=1, errors="backslashreplace")  # while a guest has 1 and 2
        nothing_fd = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing_fd, 0)  # the zygote's socket; and a guest that inherits standard input must find nothing there
        os.close(nothing_fd)
        serve(descriptors)
    except Exception:  # noqa: BLE001 - the outermost edge of this process
        traceback.print_exc()
        code = 1
    # No clean-up: a guest that was given up may still run in a thread that nothing can join.
    os._exit(code)
