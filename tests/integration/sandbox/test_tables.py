"""SQL over files that are handed in: what it answers, and that a hostile query or file reaches nothing."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import SandboxRequestInvalid
from sandbox.services import limits_default, tables_query
from sandbox.services.execution import host_pids
from sandbox.types import ExecutionResult, Outcome

SALES = b"region,amount,day\nnorth,10,2026-01-01\nsouth,2.5,2026-01-02\nnorth,5,2026-01-03\n"
PEOPLE = b'[{"name": "Ada", "tags": ["x", "y"], "region": "north"}, {"name": "Eve", "tags": [], "region": null}]'
LINES = b'{"k": 1}\n{"k": 2}\n'


def ask(
    sql: str,
    files: Mapping[str, bytes] | None = None,
    *,
    rows_max: int = 100,
    **limits: Any,
) -> ExecutionResult:
    files = {"sales.csv": SALES} if files is None else files
    tables = {Path(path).stem: path for path in files}
    given = replace(limits_default(), **{"wall_seconds": 10.0, **limits})
    return tables_query(sql, files=files, tables=tables, rows_max=rows_max, limits=given)


def answer(result: ExecutionResult) -> dict[str, Any]:
    assert result.outcome is Outcome.OK, result
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_table_is_grouped_and_described() -> None:
    found = answer(ask("SELECT region, sum(amount) AS total FROM sales GROUP BY region ORDER BY region"))
    assert found["rows"] == [["north", 15.0], ["south", 2.5]]
    assert [column["name"] for column in found["columns"]] == ["region", "total"]
    assert found["tables"]["sales"] == {
        "path": "sales.csv",
        "rows": 3,
        "columns": [
            {"name": "region", "type": "VARCHAR"},
            {"name": "amount", "type": "DOUBLE"},
            {"name": "day", "type": "DATE"},
        ],
    }


def test_files_of_several_kinds_are_joined() -> None:
    files = {"sales.csv": SALES, "people.json": PEOPLE, "lines.jsonl": LINES, "tabs.TSV": b"a\tb\n1\t2\n"}
    sql = "SELECT p.name, count(*), (SELECT sum(k) FROM lines), (SELECT b FROM tabs) FROM people p JOIN sales s USING"
    assert answer(ask(f"{sql} (region) GROUP BY p.name", files))["rows"] == [["Ada", 2, 3, 2]]


def test_a_parquet_file_is_read() -> None:
    duckdb = pytest.importorskip("duckdb")
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"table-{os.getpid()}.parquet"
    duckdb.sql("SELECT range AS n FROM range(5)").write_parquet(str(path))
    contents = path.read_bytes()
    path.unlink()
    assert answer(ask("SELECT sum(n) FROM numbers", {"numbers.parquet": contents}))["rows"] == [[10]]


def test_values_that_json_has_no_word_for_are_text() -> None:
    sql = "SELECT 'nan'::float, 1e308::double * 10, date '2026-01-01', 1.5::decimal(5,2), [1, NULL], {'a': 'b'}, true"
    assert answer(ask(sql))["rows"] == [["nan", "inf", "2026-01-01", 1.5, [1, None], {"a": "b"}, True]]


def test_rows_and_bytes_are_bounded_and_said_to_be() -> None:
    few = answer(ask("SELECT * FROM range(1000)", rows_max=7))
    assert (len(few["rows"]), few["more"]) == (7, True)
    exact = answer(ask("SELECT * FROM range(7)", rows_max=7))
    assert (len(exact["rows"]), exact["more"]) == (7, False)
    wide = ask("SELECT repeat('x', 1500) FROM range(500)", rows_max=500)
    assert answer(wide)["more"]
    assert len(wide.stdout) <= limits_default().output_bytes
    assert "[cut: 100000 characters]" in ask("SELECT repeat('x', 100000)").stdout


@pytest.mark.parametrize("path", ["x.exe", "x", "x.csv.gz", "x.db"])
def test_other_files_are_no_tables(path: str) -> None:
    with pytest.raises(SandboxRequestInvalid):
        ask("SELECT 1", {path: b""})


def test_more_files_than_a_query_may_have_are_refused() -> None:
    result = ask("SELECT 1", file_bytes=10)
    assert (result.outcome, result.limit_hit) == (Outcome.QUOTA_EXCEEDED, "file_bytes")


OUTSIDE = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_text('/proc/self/environ')",
    "SELECT * FROM read_blob('/proc/self/mem')",
    "SELECT * FROM read_json('/etc/hostname')",
    "SELECT * FROM read_parquet('/etc/hostname')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM glob('*')",
    "COPY sales TO '{folder}/out.csv'",
    "COPY (SELECT 1) TO '/proc/self/fd/1'",
    "COPY sales FROM '/etc/passwd'",
    "EXPORT DATABASE '{folder}/out'",
    "IMPORT DATABASE '/etc'",
    "ATTACH '{folder}/out.db' AS other; CREATE TABLE other.x AS SELECT 1",
    "ATTACH 'https://example.com/x.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "INSTALL spatial FROM community",
    "LOAD '/tmp/evil.duckdb_extension'",
    "SELECT * FROM read_csv('https://example.com/x.csv')",
    "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "SELECT * FROM 'http://169.254.169.254/latest/meta-data'",
    "CREATE SECRET s (TYPE s3, KEY_ID 'x', SECRET 'y'); SELECT * FROM read_csv('s3://a/b.csv')",
    "SELECT getenv('PATH')",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET GLOBAL memory_limit = '100GB'",
    "RESET enable_external_access",
    "PRAGMA enable_profiling = 'json'; PRAGMA profiling_output = '{folder}/out.json'; SELECT 1",
    "SET temp_directory = '{folder}'",
    "SET home_directory = '/etc'",
    "SET extension_directory = '/tmp'",
    "SET log_query_path = '{folder}/out.log'",
    "SELECT * FROM pragma_storage_info('/etc/passwd')",
    "CALL dbgen(sf = 1)",
    "SELECT * FROM sqlite_scan('/etc/x.db', 't')",
    "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "SELECT * FROM query_table('/etc/passwd')",
    "SELECT * FROM sales; SELECT * FROM read_text('/etc/passwd')",
    "CREATE MACRO leak() AS TABLE SELECT * FROM read_text('/etc/passwd'); SELECT * FROM leak()",
    "PREPARE leak AS SELECT * FROM read_text($1); EXECUTE leak('/etc/passwd')",
]


@pytest.mark.parametrize("sql", OUTSIDE)
def test_nothing_outside_is_reached(sql: str, tmp_path: Path) -> None:
    result = ask(sql.format(folder=tmp_path))
    assert result.outcome is Outcome.FAILED, result
    assert result.stderr
    assert "root:" not in result.stdout + result.stderr
    assert list(tmp_path.iterdir()) == []


PATIENCE: dict[str, Any] = {
    "wall_seconds": 240.0,
    "cpu_seconds": 240.0,
}  # however busy the machine is, the other limit comes first


@pytest.mark.parametrize(
    ("sql", "limits", "outcome"),
    [
        ("SELECT count(*) FROM range(10000000000) a, range(10000000000) b", PATIENCE, Outcome.MEMORY_EXCEEDED),
        (
            "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
            {"wall_seconds": 1.5, "cpu_seconds": 240.0},
            Outcome.TIMEOUT,
        ),
        ("SELECT list(range) FROM range(1000000000)", PATIENCE, Outcome.MEMORY_EXCEEDED),
        ("SELECT * FROM range(200000000) a ORDER BY hash(a)", PATIENCE, Outcome.MEMORY_EXCEEDED),
        ("SELECT repeat('x', 4000000000)", PATIENCE, Outcome.MEMORY_EXCEEDED),
        ("CREATE TABLE big AS SELECT * FROM range(9000000000)", PATIENCE, Outcome.MEMORY_EXCEEDED),
        (f"SELECT {'(' * 20000}1{')' * 20000}", PATIENCE, Outcome.FAILED),  # DuckDB's parser has a depth of its own
        (f"SELECT {'1 + ' * 30000}1", PATIENCE, Outcome.FAILED),
        # RE2 takes time in proportion to the text, whatever the pattern.
        ("SELECT regexp_matches(repeat('a', 100000), '(a+)+$') FROM range(100000)", PATIENCE, Outcome.OK),
    ],
    ids=["cross join", "recursion", "list", "sort", "string", "table", "brackets", "sum", "expression"],
)
def test_a_query_without_measure_is_stopped(sql: str, limits: dict[str, Any], outcome: Outcome) -> None:
    result = ask(sql, memory_bytes=128 * 1024 * 1024, **limits)
    assert result.outcome is outcome, result
    assert answer(ask("SELECT count(*) FROM sales"))["rows"] == [[3]]


@pytest.mark.parametrize(
    ("name", "contents", "said"),
    [
        ("t.parquet", b"PAR1" + b"\xff" * 4096 + b"\x00\x10\x00\x00PAR1", "don't know what type"),
        ("t.parquet", b"", "too small to be a Parquet file"),
        ("t.json", b"[" * 100_000, "Malformed JSON"),
        ("t.json", b'{"a": ', "Malformed JSON"),
        ("t.jsonl", b"\x00\xff\xfe", "Malformed JSON"),
    ],
    ids=["parquet of rubbish", "empty parquet", "deep json", "half json", "binary json lines"],
)
def test_a_broken_file_is_an_error_of_the_query(name: str, contents: bytes, said: str) -> None:
    result = ask("SELECT count(*) FROM t", {name: contents}, **PATIENCE)
    assert result.outcome is Outcome.FAILED, result
    assert said in result.stderr


def test_a_csv_of_quotes_alone_has_a_header_and_no_rows() -> None:
    """Every text is a CSV: DuckDB takes an even number of quotes for one name of a column."""
    assert answer(ask("SELECT count(*) FROM t", {"t.csv": b'"' * 100_000}, **PATIENCE))["rows"] == [[0]]


def query_hosts() -> set[int]:
    """Return the process ids of the hosts that are there for queries."""
    found = {pid: Path(f"/proc/{pid}/cmdline") for pid in host_pids()}
    return {pid for pid, path in found.items() if path.exists() and b"DuckdbRuntime" in path.read_bytes()}


def test_two_queries_never_share_a_process_or_a_table() -> None:
    ask("CREATE TABLE left_behind AS SELECT 1; SELECT * FROM left_behind")
    before = query_hosts()
    assert ask("SELECT * FROM left_behind").outcome is Outcome.FAILED
    ask("SELECT 1")
    assert not before & query_hosts()


def test_a_table_may_have_any_name() -> None:
    files = {"a.csv": b"x\n1\n"}
    result = tables_query(
        'SELECT * FROM "we""ird; DROP"',
        files=files,
        tables={'we"ird; DROP': "a.csv"},
        rows_max=5,
        limits=limits_default(),
    )
    assert answer(result)["rows"] == [[1]]
