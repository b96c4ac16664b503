"""Questions in SQL about tables that are handed in, in a sandbox host that has nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils.module_loading import import_string

from sandbox.errors import SandboxRequestInvalid
from sandbox.runtimes.base import Runtime
from sandbox.runtimes.duckdb_sql import READERS, Query
from sandbox.services.execution import run_apart
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, SandboxLimits

TABLE_SUFFIXES: Final = tuple(sorted(READERS))
"""Names of files that are read as tables end so, in capitals or not."""


def tables_query(
    sql: str, *, files: Mapping[str, bytes], tables: Mapping[str, str], rows_max: int, limits: SandboxLimits
) -> ExecutionResult:
    """Run a SQL query (of DuckDB) over tables. Thread-safe; blocks until it has ended or was stopped.

    It reaches no file, no network and no extension: what it names otherwise is an error of the query, in `stderr`.

    Args:
        sql: The query; of several statements the last one's rows count.
        files: Path → contents; CSV, TSV, JSON, JSON lines or Parquet by the path's end.
        tables: Name of each table → its path in `files`.
        rows_max: Rows that come back at most.
        limits: What it may use.

    Returns:
        With the outcome `ok`, `stdout` is `{"columns": [{"name", "type"}], "rows": [[…]], "more", "tables": {name:
        {"path", "rows", "columns"}}}` as JSON.

    Raises:
        SandboxRequestInvalid: A file of another kind, or too much SQL: the caller's fault.
        SandboxBusy, SandboxUnavailable: As for `execute`.
    """
    strange = sorted(path for path in tables.values() if Path(path).suffix.lower() not in READERS)
    if strange:
        known = ", ".join(TABLE_SUFFIXES)
        raise SandboxRequestInvalid(f"{strange[0][:200]!r} is no table; a table's name ends in {known}.")
    code = Query(sql, tables, rows_max).as_code()
    if len(code.encode(errors="surrogatepass")) > settings.SHANNON_SANDBOX_CODE_MAX_BYTES:
        raise SandboxRequestInvalid(f"The query has more than {settings.SHANNON_SANDBOX_CODE_MAX_BYTES} bytes.")
    runtime: type[Runtime] = import_string(settings.SHANNON_SANDBOX_SQL_RUNTIME)
    total_bytes = sum(map(len, files.values()))
    if total_bytes > limits.file_bytes:
        message = f"The query was not run: its files have {total_bytes} bytes; allowed are {limits.file_bytes}."
        return ExecutionResult.not_kept(Outcome.QUOTA_EXCEEDED, message, runtime=runtime.name, limit_hit="file_bytes")
    return run_apart(ExecutionRequest("sql", code, files=files, limits=limits), limits, runtime)
