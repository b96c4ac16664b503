"""The rows by name; each measures against the running stack and returns what it found."""

from collections.abc import Callable
from typing import Any

from benchmarks.report import Row
from benchmarks.rows.fairness import fairness_rows
from benchmarks.rows.fanout import fanout_rows
from benchmarks.rows.gateway import gateway_rows
from benchmarks.rows.model_call import model_call_rows
from benchmarks.rows.sandbox import sandbox_rows
from benchmarks.rows.submit import submit_rows

ROWS: dict[str, Callable[[dict[str, Any], int], list[Row]]] = {
    "fanout": fanout_rows,
    "model_call": model_call_rows,
    "gateway": gateway_rows,
    "sandbox": sandbox_rows,
    "submit": submit_rows,
    "fairness": fairness_rows,
}
