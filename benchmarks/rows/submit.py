"""A simple task over HTTP with a model that takes no time: submit to first event, submit to answer."""

import json
import time

import httpx

from benchmarks.bench import Bench
from benchmarks.report import Row, spread

TASKS = 30
WARM_UP = 3
ONE_CALL = "Who are you?"  # answered by one model call, as a simple task is
WITH_TOOL = "What is 6 * 7?"  # model, calculator, model


def submit_rows(bench: Bench) -> list[Row]:
    """Measure what a client sees."""
    stack = bench.stack
    with httpx.Client(base_url=stack["base_url"], headers={"X-API-Key": stack["api_key"]}, timeout=60.0) as client:
        plain = [one(client, ONE_CALL) for _ in range(bench.scaled(TASKS) + WARM_UP)][WARM_UP:]
        tool = [one(client, WITH_TOOL) for _ in range(bench.scaled(TASKS) + WARM_UP)][WARM_UP:]
    return [
        _row("first-event", "submit → first event on the stream", [first for first, _ in plain], 25.0),
        _row("answer", "simple task, one model call: submit → answer", [answer for _, answer in plain], 60.0),
        _row(
            "answer-tool",
            "simple task, two model calls and a tool: submit → answer",
            [answer for _, answer in tool],
            None,
        ),
    ]


def _row(key: str, name: str, values: list[float], target_ms: float | None) -> Row:
    middle, low, high = spread(values)
    return Row(
        key=key,
        name=name,
        unit="ms",
        ours=middle,
        ours_min=low,
        ours_max=high,
        target="" if target_ms is None else f"p50 ≤ {target_ms:.0f} ms",
        met=None if target_ms is None else middle <= target_ms,
        runs=len(values),
    )


def one(client: httpx.Client, query: str) -> tuple[float, float]:
    """Return milliseconds until the first event and until the stream's end."""
    started = time.perf_counter()
    submitted = client.post("/api/v1/tasks", json={"query": query, "mode": "simple"})
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
