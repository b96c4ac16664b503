"""`python -m sandbox.host OPTIONS`: the sandbox host. Frames arrive on standard input and leave on standard output."""

import os
import sys
import traceback
from importlib import import_module
from pathlib import Path

from sandbox.host.confinement import confine, end_with_worker
from sandbox.host.options import HostOptions
from sandbox.host.serve import serve
from sandbox.host.syscalls import starting_refused
from sandbox.host.wire import Wire
from sandbox.runtimes.base import Runtime


def main() -> None:
    """Confine this process, then serve."""
    options = HostOptions.from_argument(sys.argv[1])
    os.nice(options.niceness)
    confine(
        parent_pid=options.parent_pid,
        memory_bytes=options.memory_bytes,
        reserves_memory=options.reserves_memory,
        may_start=options.starts_process,
    )
    # Nothing that prints by mistake may write into the frames: standard output becomes standard error.
    read_fd, write_fd = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    nothing_fd = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing_fd, 0)  # a guest that inherits standard input must not find frames there
    os.close(nothing_fd)
    end_with_worker(read_fd)
    module, _, name = options.runtime.rpartition(".")
    runtime: type[Runtime] = getattr(import_module(module), name)
    os.chdir(options.cache_dir)
    made = runtime(cache_dir=Path(options.cache_dir))
    if options.starts_process:
        made.start()
        starting_refused()
    serve(Wire(read_fd=read_fd, write_fd=write_fd, frame_max_bytes=options.frame_max_bytes), made, options)


if __name__ == "__main__":
    code = 0
    try:
        main()
    except Exception:  # noqa: BLE001 - the outermost edge of this process
        traceback.print_exc()
        code = 1
    # No clean-up: a guest that was given up may still run in a thread that nothing can join.
    os._exit(code)
