"""The offline model's programs run in the real sandbox, on its Python, and give there what they give here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agents.llm.offline.programs import program
from sandbox.services import execute, limits_default
from sandbox.types import ExecutionRequest

STOCKS = Path(__file__).parents[4] / "examples" / "stocks.csv"
TABLE = {
    "path": "stocks.csv",
    "filters": {"symbol": ["GOOG", "IBM"]},
    "group_by": "symbol",
    "label": "all",
    "columns": ["price"],
    "monthly": True,
}
TEXT = {
    "path": None,
    "text": "One two. Two three! a@b.org",
    "operations": ["words", "summary", "frequent_words", "emails"],
}
PROGRAMS = {
    "series": program("csv_reader", "csv_series", spec=TABLE),
    "summary": program("csv_reader", "csv_summary", spec=TABLE),
    "correlation": program("csv_reader", "csv_correlation", spec=TABLE),
    "text": program("text_work", spec=TEXT),
    "numbers": program("number_work", spec={"operation": "primes", "arguments": [20]}),
    "dates": program("number_work", spec={"operation": "days_between", "arguments": ["2024-01-01", "2024-03-01"]}),
}


def here(code: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=STOCKS.parent, capture_output=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def comparable(value: Any) -> Any:
    """Return a value with numbers to 12 digits: the last bit differs between the statistics of two Pythons."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return float(f"{value:.12g}") if isinstance(value, float) else value


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_gives_the_same_in_the_sandbox(name: str) -> None:
    code = PROGRAMS[name]
    request = ExecutionRequest(
        guest="python", code=code, files={"stocks.csv": STOCKS.read_bytes()}, limits=limits_default()
    )

    result = execute(request)

    assert result.exit_code == 0, result.stderr
    assert comparable(json.loads(result.stdout)) == comparable(here(code))
