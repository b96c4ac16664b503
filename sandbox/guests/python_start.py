"""Runs inside the guest: CPython for WASI starts with this, waits for a program on its standard input, and becomes it.

So a guest can be started before there is a program for it. Uses only modules that the interpreter has loaded anyway:
every other import would cost each run its time.
"""


def _start() -> None:
    # Imported here because the program gets this module's namespace, and should find it empty.
    import posix  # noqa: PLC0415
    import select  # noqa: PLC0415
    import sys  # noqa: PLC0415

    posix.environ.clear()  # PYTHONHOME has served; `os.environ` is made from this
    # A poll that must not wait never returns under wasmer's `poll_oneoff`, and `selectors` tries one when it is
    # imported: `import socket` and `import subprocess` would run into the time limit.
    del select.poll
    posix.write(1, b"\x06")  # tells the host that this guest is ready

    # Read without a buffer: what comes after the program is its own input, for Python's readers and C's alike.
    def read(size_bytes: int) -> bytes:
        data = b""
        while len(data) < size_bytes:
            data += posix.read(0, size_bytes - len(data))
        return data

    outside, source = read(int(read(10))), read(int(read(10)))
    posix.chdir("/workspace")
    # A real file, because the interpreter prints a traceback's source lines from it.
    with open("/tmp/main.py", "wb") as file:  # noqa: PTH123, S108
        file.write(source)
    sys.argv = ["main.py"]
    sys.path.insert(0, "/workspace")
    sys.path.append("/usr/local/lib/python312.zip")  # what is not unpacked
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # what was printed before a timeout is kept
    if outside:  # it may make calls outside: `python_outside.py`
        exec(compile(outside, "/tmp/outside.py", "exec", dont_inherit=True), {})  # noqa: S102, S108
    namespace = sys.modules["__main__"].__dict__
    del namespace["_start"]
    namespace.update(__name__="__main__", __file__="/tmp/main.py", __doc__=None)  # noqa: S108
    try:
        exec(compile(source, "/tmp/main.py", "exec", dont_inherit=True), namespace)  # noqa: S102, S108
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001
        own = error.__traceback__
        error = error.with_traceback(own.tb_next if own else None)  # without this function's frame
        sys.excepthook(type(error), error, error.__traceback__)
        raise SystemExit(1) from None


_start()
