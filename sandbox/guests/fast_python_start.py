"""Runs inside the fast guest: a part of its snapshot. Becomes the program, and says how it ended and what it left.

What it returns is believed only as far as it concerns the program itself: exit code and the contents of its files.
"""

from typing import Any

_ROOT = "/workspace"
_FILE = "/tmp/main.py"
_DEPTH_MAX = 16
_FOLDERS_MAX = 256
_FULL = 29  # EIO: what a write gets when the guest's files have reached the engine's cap
_FILES_MAX = 10_000
_OUT_MAX_BYTES = 1024 * 1024  # encoding more would take longer than the general runtime

_REHEARSALS = 3  # after so many, the interpreter has specialised what it ran

# What programs are made of; it prints nothing.
_REHEARSAL = """
import json, math
from collections import Counter
class Row:
    def __init__(self, name, *values, **more):
        self.name, self.values = name, [float(value) for value in values]
    @property
    def total(self): return sum(self.values) / max(1, len(self.values))
def main(rows):
    counts = Counter(row.name for row in rows)
    try:
        for at, row in enumerate(sorted(rows, key=lambda row: -row.total)):
            if at % 2 == 0 and counts[row.name] >= 1:
                yield f"{row.name:>4} {row.total:.2f}\\n"
    except (ValueError, KeyError) as error:
        raise RuntimeError from error
print("", end="".join(list(main([Row("a", 1, 2)]))[:0]), flush=True)
json.loads(json.dumps({"a": [1, None, {"b": math.sqrt(2.0)}]}))
{k: v for k, v in zip("ab", range(2))}
"""

_prepared: dict[str, Any] = {}  # what a run is given; the engine sets its own streams again whenever it is called


def _ready() -> None:
    """Do what a run needs and what does not depend on its program, while nobody waits."""
    import gc
    import io
    import os
    import random
    import sys
    import types

    for folder in (_ROOT, "/tmp"):
        os.makedirs(folder, exist_ok=True)
    os.chdir(_ROOT)
    random.seed()  # the snapshot has one state for all
    os.environ.clear()
    sys.argv = ["main.py"]
    # Real streams on the descriptors that the host reads, instead of the snapshot's own writers.
    writers = [io.BufferedWriter(io.FileIO(number, "wb", closefd=False)) for number in (1, 2)]
    _prepared["stdout"] = io.TextIOWrapper(writers[0], encoding="utf-8", errors="surrogateescape", line_buffering=True)
    _prepared["stderr"] = io.TextIOWrapper(writers[1], encoding="utf-8", errors="backslashreplace", line_buffering=True)
    _prepared["stdin"] = _input(b"")
    main = _prepared["main"] = types.ModuleType("__main__")
    main.__dict__.update(__file__=_FILE, __builtins__=__builtins__)
    os.write(1, b"")
    _left({})
    gc.collect()
    gc.freeze()  # the collection at the end of a run has only what the run made to walk


def _start(
    code: str, *, stdin: bytes = b"", files: dict[str, str] | None = None, has_file: bool = False
) -> str | dict[str, Any]:
    """Run a program; `_ready` was called.

    Args:
        code: Its source.
        stdin: Its standard input.
        files: Path → contents in base64, placed in the working directory.
        has_file: Whether its source is also to be in the file that its tracebacks name.

    Returns:
        Its exit code in digits when that is all, since the engine makes JSON of it. Otherwise `exit_code`; `files`:
        path → contents in base64 of new and changed files; `deleted`; `exceeded`: which limit its files exceed, or
        `unsupported`: why another runtime has to run it.
    """
    import gc  # here: nothing of this may be a global of the program
    import linecache
    import os
    import sys

    before = files or {}
    _put(before)
    if has_file:
        source_fd, source = os.open(_FILE, os.O_WRONLY | os.O_CREAT), code.encode()
        while source:
            source = source[os.write(source_fd, source) :]
        os.close(source_fd)
    linecache.cache[_FILE] = (len(code), None, code.splitlines(True), _FILE)
    sys.path.insert(0, _ROOT)
    sys.stdout, sys.stderr = _prepared.pop("stdout"), _prepared.pop("stderr")
    prepared_input = _prepared.pop("stdin")
    sys.stdin = _input(stdin) if stdin else prepared_input
    main = sys.modules["__main__"] = _prepared.pop("main")
    exit_code = _run(code, main.__dict__)
    if exit_code == _FULL << 8:
        return {"exit_code": 1, "exceeded": "file_bytes"}
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # the program closed or replaced them
        exit_code = exit_code or 120  # as the interpreter does
    main.__dict__.clear()
    gc.collect()  # what the program did not close is written now, as at an interpreter's end
    left = _left(before)
    return {"exit_code": exit_code, **left} if left else str(exit_code)


def _input(data: bytes) -> Any:
    import io

    return io.TextIOWrapper(io.BufferedReader(io.BytesIO(data)), encoding="utf-8", errors="surrogateescape")


def _put(files: dict[str, str]) -> None:
    import base64
    import os

    for path, contents in files.items():
        if "/" in path:
            os.makedirs(os.path.dirname(f"{_ROOT}/{path}"), exist_ok=True)
        with open(f"{_ROOT}/{path}", "wb") as file:
            file.write(base64.b64decode(contents))


def _run(code: str, namespace: dict[str, Any]) -> int:
    import sys

    try:
        exec(compile(code, _FILE, "exec", dont_inherit=True), namespace)
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return (stop.code or 0) & 0xFF
        print(stop.code, file=sys.stderr)
        return 1
    except BaseException as error:
        own = error.__traceback__
        error = error.with_traceback(own.tb_next if own else None)  # without this function's frame
        sys.excepthook(type(error), error, error.__traceback__)
        return _FULL << 8 if isinstance(error, OSError) and error.errno == _FULL else 1
    return 0


def _left(before: dict[str, str]) -> dict[str, Any] | None:
    """Return what is in the working directory now, against what was put there; None for nothing, and nothing was."""
    import base64
    import os

    try:
        if not before and not os.listdir(_ROOT):
            return None
    except FileNotFoundError:  # the program has removed it
        pass
    changed, seen, size_bytes, count = {}, set(), 0, 0
    for number, (folder, _, names) in enumerate(os.walk(_ROOT)):
        if number >= _FOLDERS_MAX or folder.count("/") > _DEPTH_MAX:
            return {"exceeded": "file_count"}
        for name in names:
            path = os.path.join(folder, name)
            count += 1
            size_bytes += os.stat(path).st_size
            if size_bytes > _OUT_MAX_BYTES or count > _FILES_MAX:
                return {"unsupported": f"it left more than {_OUT_MAX_BYTES} bytes or {_FILES_MAX} files"}
            with open(path, "rb") as file:
                contents = base64.b64encode(file.read()).decode()
            relative = path[len(_ROOT) + 1 :]
            seen.add(relative)
            if before.get(relative) != contents:
                changed[relative] = contents
    return {"files": changed, "deleted": [path for path in before if path not in seen]}


def _rehearse() -> None:
    """Run a program as every run does, for the snapshot: its interpreter has then learnt the code that it runs.

    What is loaded by then is kept out of every later collection: walking it would cost each run 20 ms.
    """
    import gc
    import io
    import linecache
    import sys
    import types

    streams, path, main = (sys.stdin, sys.stdout, sys.stderr), list(sys.path), sys.modules["__main__"]
    for _ in range(_REHEARSALS):
        for name in ("stdin", "stdout", "stderr"):
            _prepared[name] = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", line_buffering=True)
        _prepared["main"] = types.ModuleType("__main__")
        _start(_REHEARSAL)
        (sys.stdin, sys.stdout, sys.stderr), sys.path[:], sys.modules["__main__"] = streams, path, main
    linecache.cache.pop(_FILE)
    gc.collect()
    gc.freeze()


_rehearse()
