"""`DuckdbRuntime`: SQL over tables that are handed in, on DuckDB. The only file that imports it.

DuckDB has no inner border: its makers say that SQL of strangers, and files of strangers, belong into a sandbox of the
operating system (https://duckdb.org/security). So a query runs in a sandbox host that has no network, no environment
and, where the kernel offers it, no files at all any more; the tables come over the pipe into memory. DuckDB's own
switches are the first wall. Each host serves one query: what a crafted file made of it, nobody after it meets.
"""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Final

from sandbox.host.landlock import files_left
from sandbox.runtimes.base import OnCall, Runtime, RuntimeBroken, RuntimeProblem, nobody_answers
from sandbox.runtimes.endings import Captured, Ending, GuestExit, Stopwatch
from sandbox.runtimes.outcomes import result_for
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, SandboxLimits

if TYPE_CHECKING:
    import duckdb

READERS: Final[Mapping[str, str]] = {
    ".csv": "read_csv(?, sample_size = 50000)",
    ".tsv": "read_csv(?, delim = '\t', sample_size = 50000)",
    ".json": "read_json(?, maximum_object_size = 67108864)",
    ".jsonl": "read_json(?, format = 'newline_delimited')",
    ".ndjson": "read_json(?, format = 'newline_delimited')",
    ".parquet": "read_parquet(?)",
}
_LOCKS: Final = (
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
_BATCH_ROWS: Final = 256
_CELL_CHARACTERS: Final = 2_000
_FLOAT_DIGITS: Final = 15  # so many of a decimal come through a float unharmed


@dataclass(frozen=True, slots=True)
class Query:
    """What the program of a request is: SQL, the file of each table by its name, and how many rows are wanted."""

    sql: str
    tables: Mapping[str, str]
    rows_max: int

    def as_code(self) -> str:
        """Return it as a request carries it."""
        return json.dumps({"sql": self.sql, "tables": dict(self.tables), "rows_max": self.rows_max})

    @classmethod
    def from_code(cls, code: str) -> "Query":
        """Return what `as_code` was given."""
        return cls(**json.loads(code))


class DuckdbRuntime(Runtime):
    """SQL on DuckDB, in memory. Its output is the JSON of columns and rows; an error of the query is its stderr."""

    name = "duckdb"
    guests = frozenset({"sql"})

    def __init__(self, *, cache_dir: Path) -> None:
        """See `Runtime`."""
        super().__init__(cache_dir=cache_dir)
        self._con: duckdb.DuckDBPyConnection | None = None

    @classmethod
    def preload(cls, *, cache_dir: Path) -> None:  # noqa: ARG003 - see `Runtime.preload`
        """See `Runtime`: the engine, of which each query takes a new host."""
        _engine_imported()

    def warm(self, *, guest: str, limits: SandboxLimits) -> None:  # noqa: ARG002 - there is one guest
        """Load the engine and make the database of the one query, then give up the file system."""
        self._opened(limits)

    def execute(
        self,
        request: ExecutionRequest,
        *,
        on_running: Callable[[], None],
        on_ended: Callable[[], None],
        on_call: OnCall = nobody_answers,  # noqa: ARG002 - a query calls nobody
    ) -> ExecutionResult:
        """See `Runtime`. This host serves no other query."""
        limits = request.limits
        if limits is None:
            raise RuntimeBroken("a request without limits reached the runtime")
        con = self._opened(limits)
        self.spent = True
        on_running()
        ending = _ending(con, request, limits)
        on_ended()
        return result_for(runtime=self.name, ending=ending, limits=limits, changed={}, deleted=())

    @classmethod
    def problems(cls) -> list[RuntimeProblem]:
        """See `Runtime`."""
        if find_spec("duckdb") is None:
            return [RuntimeProblem("missing", "duckdb is not installed.", "pip install -r requirements.txt")]
        return []

    def _opened(self, limits: SandboxLimits) -> "duckdb.DuckDBPyConnection":
        """Return the database; what it and its rows need is imported first, since later there is no file to import."""
        if self._con is not None:
            return self._con
        try:
            _engine_imported()
            import duckdb  # noqa: PLC0415 - see there
        except ImportError as error:
            raise RuntimeBroken(f"duckdb cannot be loaded: {error}") from error
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": 1,
            "memory_limit": f"{limits.memory_bytes // 1024}KiB",
            "temp_directory": "",
            "max_temp_directory_size": "0KiB",
            "python_enable_replacements": False,  # a table's name must not find a variable of this program
        }
        self._con = duckdb.connect(":memory:", config=config)
        files_left()
        return self._con


def _engine_imported() -> None:
    import datetime  # noqa: F401, PLC0415 - with what its rows need
    import uuid  # noqa: F401, PLC0415

    import duckdb  # noqa: F401, PLC0415 - 66 MB, which only a sandbox host should map


def _ending(con: "duckdb.DuckDBPyConnection", request: ExecutionRequest, limits: SandboxLimits) -> Ending:
    import duckdb  # noqa: PLC0415 - see above

    clock = Stopwatch()
    captured = Captured(limits.output_bytes), Captured(limits.output_bytes)
    stopped_for: Outcome | None = None
    exit_code = 0
    stop = threading.Timer(limits.wall_seconds, con.interrupt)
    stop.daemon = True
    stop.start()
    try:
        con.execute(f"SET memory_limit = '{limits.memory_bytes // 1024}KiB'")
        query = Query.from_code(request.code)
        tables = {name: _loaded(con, name, path, request.files[path]) for name, path in query.tables.items()}
        for lock in _LOCKS:
            con.execute(lock)
        answer = {**_rows(con.execute(query.sql), query.rows_max, limits.output_bytes // 2), "tables": tables}
        captured[0].add(json.dumps(answer, ensure_ascii=False).encode(errors="replace"))
    except duckdb.InterruptException:
        stopped_for = Outcome.TIMEOUT
    except (duckdb.OutOfMemoryException, MemoryError):
        stopped_for = Outcome.MEMORY_EXCEEDED
    except (duckdb.Error, ValueError, RuntimeError) as error:  # also what a converter finds that Python cannot hold
        captured[1].add(str(error).encode(errors="replace"))
        exit_code = 1
    finally:
        stop.cancel()
    used = clock.wall_seconds(), clock.cpu_seconds()
    return Ending(stopped_for, GuestExit(None if stopped_for else exit_code), *captured, *used)


def _loaded(con: "duckdb.DuckDBPyConnection", name: str, path: str, contents: bytes) -> dict[str, Any]:
    """Make a table of a file; return what is in it."""
    reader = READERS[Path(path).suffix.lower()]
    table = name.replace('"', '""')
    with _as_file(contents) as file:
        con.execute(f'CREATE TABLE "{table}" AS SELECT * FROM {reader}', [file])  # noqa: S608 - the reader is ours
    columns = con.execute(f'DESCRIBE "{table}"').fetchall()
    (count,) = con.execute(f'SELECT count(*) FROM "{table}"').fetchone() or (0,)  # noqa: S608 - quoted above
    shown = [{"name": str(column[0]), "type": str(column[1])} for column in columns]
    return {"path": path, "rows": int(count), "columns": shown}


@contextmanager
def _as_file(contents: bytes) -> Iterator[str]:
    """Give contents a path for as long as they are read: in memory where the system can, and no other file is open."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("table")
        try:
            with open(fd, "wb", closefd=False) as file:
                file.write(contents)
            yield f"/proc/self/fd/{fd}"
        finally:
            os.close(fd)
        return
    with NamedTemporaryFile(buffering=0) as file:
        file.write(contents)
        yield file.name


def _rows(result: "duckdb.DuckDBPyConnection", rows_max: int, max_bytes: int) -> dict[str, Any]:
    """Return columns and the first rows as JSON values; `more` says that there are others."""
    columns = [{"name": str(column[0]), "type": str(column[1])} for column in result.description or ()]
    rows: list[list[Any]] = []
    size_bytes = 0
    more = False
    while batch := result.fetchmany(min(_BATCH_ROWS, rows_max + 1)):
        for row in batch:
            shown = [_cell(value) for value in row]
            size_bytes += len(json.dumps(shown).encode())
            if len(rows) == rows_max or size_bytes > max_bytes:
                more = True
                break
            rows.append(shown)
        if more:
            break
    return {"columns": columns, "rows": rows, "more": more}


def _cell(value: Any) -> Any:
    """Return a value of the database as JSON has it: what JSON has no word for, as text; a long text, cut."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)  # noqa: PLR0124 - not a number
    if isinstance(value, Decimal) and len(value.as_tuple().digits) <= _FLOAT_DIGITS:
        return float(value)
    if isinstance(value, dict):
        return {str(key): _cell(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cell(item) for item in value]
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= _CELL_CHARACTERS else f"{text[:_CELL_CHARACTERS]}… [cut: {len(text)} characters]"


__all__ = ["READERS", "DuckdbRuntime", "Query"]
