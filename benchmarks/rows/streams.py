"""Event streams: how fast a committed event reaches a client, and how many idle clients one server process holds."""

import asyncio
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import psutil
from django.db import transaction

from benchmarks.bench import ROOT, START_SECONDS, Bench
from benchmarks.report import Row, spread
from orchestration.control import task_cancel, task_pause
from orchestration.events.write import EventDraft, events_append
from orchestration.services import fanout_submit
from orchestration.types import EventKind
from shannon_project.stack.ports import free_port

EVENTS = 200
CLIENTS = 2_000
LIVE_TARGET_MS = 10.0
_OPENING_AT_ONCE = 50
_MARK = "bench-mark-"


def live_rows(bench: Bench) -> list[Row]:
    """Commit events one by one, and note when a connected client has each."""
    count = bench.scaled(EVENTS)
    with _quiet_task(bench) as task_id:
        seen: dict[str, float] = {}
        connected = threading.Event()
        reader = threading.Thread(target=_read, args=(bench, task_id, seen, connected), daemon=True)
        reader.start()
        connected.wait(10.0)
        delays = []
        for number in range(count):
            committed = _append(task_id, f"{_MARK}{number}")
            delays.append((_await(seen, f"{_MARK}{number}") - committed) * 1000)
            time.sleep(0.01)
    middle, low, high = spread(delays)
    return [
        Row(
            key="live",
            name="commit → event at a connected client",
            unit="ms",
            ours=middle,
            ours_min=low,
            ours_max=high,
            target=f"p50 ≤ {LIVE_TARGET_MS:.0f} ms",
            met=middle <= LIVE_TARGET_MS,
            runs=count,
        )
    ]


def idle_rows(bench: Bench) -> list[Row]:
    """Open clients at one server process of its own, weigh it, and send all of them an event."""
    count = bench.scaled(CLIENTS)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with _quiet_task(bench) as task_id, _web(bench) as (address, process):
        before = process.memory_info().rss
        reached, all_seconds, after = asyncio.run(_hold(bench, address, process, task_id, count))
    kilobytes = (after - before) / count / 1e3
    return [
        Row(
            key="idle",
            name=f"{count:,} idle event streams on one server process: memory of each",
            unit="kB",
            ours=kilobytes,
            ours_min=kilobytes,
            ours_max=kilobytes,
            target="≥ 2,000 held",
            met=reached == count,
            runs=1,
            note=f"one event reached {reached:,} of {count:,} in {all_seconds:.2f} s; RSS {after / 1e6:.0f} MB",
        )
    ]


@contextmanager
def _quiet_task(bench: Bench) -> Iterator[UUID]:
    """Yield a task that is paused, so that only what we append happens in it."""
    principal = bench.principal()
    task = fanout_submit(principal=principal, width=1, concurrency_limit=1, instruction="Who are you?")
    task_pause(principal=principal, task_id=task.id)
    try:
        yield task.id
    finally:
        task_cancel(principal=principal, task_id=task.id)


def _append(task_id: UUID, mark: str) -> float:
    """Append an event and return when it was committed."""
    committed: list[float] = []
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append(time.perf_counter()))  # before readers are woken
        events_append(task_id=task_id, drafts=[EventDraft(EventKind.STATUS_UPDATE, mark)])
    return committed[0]


def _read(bench: Bench, task_id: UUID, seen: dict[str, float], connected: threading.Event) -> None:
    headers = {"X-API-Key": bench.stack["api_key"]}
    parameters = {"workflow_id": str(task_id)}
    with (
        httpx.Client(base_url=bench.stack["base_url"], headers=headers, timeout=60.0) as client,
        client.stream("GET", "/api/v1/stream/sse", params=parameters) as stream,
    ):
        for line in stream.iter_lines():
            connected.set()
            if _MARK in line:
                seen[_MARK + line.split(_MARK)[1].split('"')[0]] = time.perf_counter()


def _await(seen: dict[str, float], mark: str) -> float:
    end = time.monotonic() + 15.0
    while time.monotonic() < end:
        if mark in seen:
            return seen[mark]
        time.sleep(0.0005)
    raise TimeoutError(f"{mark} did not arrive")


@contextmanager
def _web(bench: Bench) -> Iterator[tuple[str, psutil.Process]]:
    """Yield the address of a web server of its own and its process."""
    port, log = free_port(0), Path(bench.stack["log_dir"]) / "bench-web.log"
    command = [sys.executable, "-m", "uvicorn", "shannon_project.asgi:application", "--lifespan", "off"]
    with (
        log.open("wb") as output,
        subprocess.Popen([*command, "--port", str(port), "--no-access-log"], cwd=ROOT, stderr=output) as server,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            end = time.monotonic() + START_SECONDS
            while not _answers(address):
                if server.poll() is not None or time.monotonic() > end:
                    said = log.read_text(errors="replace").strip().splitlines()[-1:]
                    raise RuntimeError(f"the web server did not start: {''.join(said)[:300]}")
                time.sleep(0.2)
            yield address, psutil.Process(server.pid)
        finally:
            server.kill()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readiness", timeout=5.0).status_code == 200
    except httpx.HTTPError:
        return False


async def _hold(
    bench: Bench, address: str, process: psutil.Process, task_id: UUID, count: int
) -> tuple[int, float, int]:
    """Open the clients, weigh the server, append an event; return how many got it, after how long, and the weight."""
    port, gate = urlsplit(address).port, asyncio.Semaphore(_OPENING_AT_ONCE)
    request = (
        f"GET /api/v1/stream/sse?workflow_id={task_id} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"X-API-Key: {bench.stack['api_key']}\r\n\r\n"
    ).encode()

    async def opened() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            await writer.drain()
            await asyncio.wait_for(reader.readuntil(b"WORKFLOW_STARTED"), 30.0)
            return reader, writer

    clients = await asyncio.gather(*(opened() for _ in range(count)))
    await asyncio.sleep(1.0)
    after = int(process.memory_info().rss)
    started = time.perf_counter()
    await asyncio.to_thread(_append, task_id, f"{_MARK}all")
    waits = (asyncio.wait_for(reader.readuntil(f"{_MARK}all".encode()), 20.0) for reader, _ in clients)
    got = await asyncio.gather(*waits, return_exceptions=True)
    seconds = time.perf_counter() - started
    for _, writer in clients:
        writer.close()
    return sum(isinstance(item, bytes) for item in got), seconds, after
