"""A simple task over HTTP with a model that takes no time: submit to first event, submit to answer."""

import json
import time
from typing import Any

import httpx

from benchmarks.report import Row, spread

TASKS = 30
QUERY = "What is 6 * 7?"


def submit_rows(stack: dict[str, Any], runs: int) -> list[Row]:  # noqa: ARG001 - a row of many short runs
    """Measure what a client sees."""
    first_event, answer = [], []
    with httpx.Client(base_url=stack["base_url"], headers={"X-API-Key": stack["api_key"]}, timeout=60.0) as client:
        for run in range(TASKS + 3):
            first_ms, answer_ms = _one(client)
            if run >= 3:
                first_event.append(first_ms)
                answer.append(answer_ms)
    note = "two model calls and one sandbox-free tool call (calculator) are inside; every one is journaled and paid"
    return [
        _row("submit → first event on the stream", first_event, 25.0, ""),
        _row("simple task: submit → answer", answer, 60.0, note),
    ]


def _row(name: str, values: list[float], target_ms: float, note: str) -> Row:
    middle, low, high = spread(values)
    return Row(
        name=name,
        unit="ms",
        ours=middle,
        ours_min=low,
        ours_max=high,
        target=f"p50 ≤ {target_ms:.0f} ms",
        met=middle <= target_ms,
        runs=len(values),
        note=note,
    )


def _one(client: httpx.Client) -> tuple[float, float]:
    """Return milliseconds until the first event and until the stream's end."""
    started = time.perf_counter()
    submitted = client.post("/api/v1/tasks", json={"query": QUERY, "mode": "simple"})
    submitted.raise_for_status()
    first_ms = 0.0
    with client.stream("GET", "/api/v1/stream/sse", params={"workflow_id": submitted.json()["task_id"]}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:") and not first_ms:
                first_ms = (time.perf_counter() - started) * 1000
            if line.startswith("data:") and _is_end(line):
                return first_ms, (time.perf_counter() - started) * 1000
    raise RuntimeError("the stream ended without its end")


def _is_end(line: str) -> bool:
    data = line.removeprefix("data:").strip()
    return data == "[DONE]" or (data.startswith("{") and json.loads(data).get("type") == "STREAM_END")
