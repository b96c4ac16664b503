"""`python -m sandbox.host OPTIONS`: loads a runtime, then forks sandbox hosts as its standard input, a socket, asks."""

import gc
import os
import signal
import socket
import sys
import threading
import time
from functools import partial
from importlib import import_module
from pathlib import Path

from sandbox.host.confinement import confine, end_with_worker, ended_with
from sandbox.host.forking import hosts_forked
from sandbox.host.options import HostOptions
from sandbox.host.serve import serve
from sandbox.host.syscalls import filter_imported, starting_refused
from sandbox.host.wire import Wire
from sandbox.runtimes.base import Runtime

_THREADS_END_SECONDS = 5.0


def main() -> None:
    """Load what all hosts share, then fork them."""
    options = HostOptions.from_argument(sys.argv[1])
    ended_with(options.parent_pid)
    module, _, name = options.runtime.rpartition(".")
    runtime: type[Runtime] = getattr(import_module(module), name)
    os.chdir(options.cache_dir)
    filter_imported()
    runtime.preload(cache_dir=Path(options.cache_dir))
    sys.dont_write_bytecode = True  # what it has loaded by now may be kept compiled; a host leaves nothing behind
    gc.collect()
    gc.freeze()  # a collection in a host would copy every page of what they share
    _alone()
    hosts_forked(socket.socket(fileno=0), partial(_host, options, runtime, os.getpid()))


def _host(options: HostOptions, runtime: type[Runtime], parent_pid: int, descriptors: list[int]) -> None:
    """Be a host: confine this process, then serve."""
    read_fd, write_fd, begun_fd = descriptors[0], descriptors[1], descriptors[3]
    os.nice(options.niceness)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})  # before there are threads: one may wait for it
    confine(parent_pid=parent_pid, memory_bytes=options.memory_bytes, may_start=options.starts_process)
    end_with_worker(read_fd)
    made = runtime(cache_dir=Path(options.cache_dir))
    if options.starts_process:
        made.start()
        starting_refused()
    pipe = Wire(read_fd=read_fd, write_fd=write_fd, frame_max_bytes=options.frame_max_bytes)
    serve(pipe, made, options, begun_fd=begun_fd)


def _alone() -> None:
    """Make sure that this process has one thread: a fork takes only that, and the locks of all others for ever.

    Raises:
        RuntimeError: The runtime's `preload` left some.
    """
    tasks = Path("/proc/self/task")
    end = time.monotonic() + _THREADS_END_SECONDS
    while (len(list(tasks.iterdir())) if tasks.exists() else threading.active_count()) > 1:
        if time.monotonic() > end:
            raise RuntimeError("loading the runtime left threads behind")
        time.sleep(0.001)  # one that was joined may still be leaving


if __name__ == "__main__":
    main()
