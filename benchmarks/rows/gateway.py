"""Asking models over HTTP: `/v1` beside the proxies of others, many streams at once, and what web weighs."""

import asyncio
import os
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil

from benchmarks.peers.proxies import Target, litellm_proxy, portkey, provider_of
from benchmarks.peers.proxy_installs import NotInstallable
from benchmarks.report import Row
from shannon_project.stack.ports import free_port

CALLS = 150
CALLS_LEAST = 10
WARM_UP = 5
LATENCIES_SECONDS = 12.0
"""After so long no more calls are made, as on a machine that does other things too; likewise below."""
AT_ONCE = 16
CALLS_AT_ONCE = 400
RATE_SECONDS = 4.0
STREAMS = 1000
LEAVERS = 100
STREAMS_SECONDS = 35.0
ASK = [{"role": "user", "content": "hi"}]


def gateway_rows(stack: dict[str, Any], runs: int) -> list[Row]:  # noqa: ARG001 - rows of many short runs
    """Measure all of it against one provider that takes no time."""
    provider_url = os.environ["OPENAI_BASE_URL"].removesuffix("/v1")
    ours = Target("ours", f"{stack['base_url']}/v1/chat/completions", {"X-API-Key": stack["api_key"]})
    with ExitStack() as running, tempfile.TemporaryDirectory() as folder:
        provider = running.enter_context(provider_of(int(urlsplit(provider_url).port or 0)))
        peers, missing = _peers(running, provider_url, Path(folder))
        rows = asyncio.run(_proxy_rows(provider, ours, peers))
        streams = asyncio.run(_streams_row(ours))
    return [*(replace(row, note=missing) for row in rows), streams, _memory_row(stack)]


def _peers(running: ExitStack, provider_url: str, folder: Path) -> tuple[list[Target], str]:
    """Start the proxies that can be had here; say why one cannot."""
    starts = [
        partial(litellm_proxy, provider_url, free_port(0), folder),
        partial(portkey, provider_url, free_port(0)),
    ]
    peers, missing = [], []
    for start in starts:
        try:
            peers.append(running.enter_context(start()))
        except (NotInstallable, RuntimeError) as error:
            missing.append(f"not compared: {error}")
    return peers, "; ".join(missing)


async def _proxy_rows(provider: Target, ours: Target, peers: list[Target]) -> list[Row]:
    async with httpx.AsyncClient(timeout=60.0) as client:
        targets = [provider, ours, *peers]
        latencies = await _latencies(client, targets)
        rates = {target.name: await _rate(client, target) for target in [ours, *peers]}
    base = median(latencies[provider.name])
    added = {target.name: median(latencies[target.name]) - base for target in [ours, *peers]}
    rows = []
    for peer in [None, *peers][1 if peers else 0 :]:
        rows += _beside(peer, added, rates, latencies[ours.name], base)
    return rows


def _beside(
    peer: Target | None, added: dict[str, float], rates: dict[str, float], own: list[float], base: float
) -> list[Row]:
    name = peer.name if peer else ""
    low, high = min(own) - base, max(own) - base
    return [
        Row(
            name=f"/v1/chat/completions: latency added to the provider's, beside {name or 'nobody'}",
            unit="ms",
            ours=added["ours"],
            ours_min=low,
            ours_max=high,
            reference_name=name,
            reference=added[name] if peer else None,
            ratio=added["ours"] / added[name] if peer else None,
            target=f"≤ {name}" if peer else "",
            met=added["ours"] <= added[name] if peer else None,
            runs=len(own),
        ),
        Row(
            name=f"/v1/chat/completions: calls a second, {AT_ONCE} at once, beside {name or 'nobody'}",
            unit="1/s",
            ours=rates["ours"],
            ours_min=rates["ours"],
            ours_max=rates["ours"],
            reference_name=name,
            reference=rates[name] if peer else None,
            ratio=rates["ours"] / rates[name] if peer else None,
            target=f"≥ {name}" if peer else "",
            met=rates["ours"] >= rates[name] if peer else None,
            runs=CALLS_AT_ONCE,
        ),
    ]


async def _latencies(client: httpx.AsyncClient, targets: list[Target]) -> dict[str, list[float]]:
    """Return milliseconds of each target's calls, made in turns."""
    found: dict[str, list[float]] = {target.name: [] for target in targets}
    end = time.monotonic() + LATENCIES_SECONDS
    for number in range(CALLS + WARM_UP):
        if time.monotonic() > end and number > CALLS_LEAST + WARM_UP:
            break
        for target in targets:
            milliseconds = await _ask(client, target)
            if number >= WARM_UP:
                found[target.name].append(milliseconds)
    return found


async def _rate(client: httpx.AsyncClient, target: Target) -> float:
    room = asyncio.Semaphore(AT_ONCE)

    started, answered = time.perf_counter(), 0

    async def one() -> None:
        nonlocal answered
        async with room:
            if time.perf_counter() - started < RATE_SECONDS:
                await _ask(client, target)
                answered += 1

    await asyncio.gather(*(one() for _ in range(CALLS_AT_ONCE)))
    return answered / (time.perf_counter() - started)


async def _ask(client: httpx.AsyncClient, target: Target) -> float:
    started = time.perf_counter()
    body = {"model": target.model, "messages": ASK, "max_tokens": 100}
    answer = await client.post(target.url, json=body, headers=dict(target.headers))
    answer.raise_for_status()
    return (time.perf_counter() - started) * 1000


async def _streams_row(ours: Target) -> Row:
    """Open many streams of a second at once; some are left after their first piece, the others read to their end."""
    body = {"model": ours.model, "messages": ASK, "max_tokens": 100, "stream": True}
    limits = httpx.Limits(max_connections=None)

    async def one(client: httpx.AsyncClient, *, leaves: bool) -> bool:
        text = ""
        async with client.stream("POST", ours.url, json=body, headers=dict(ours.headers)) as answer:
            async for piece in answer.aiter_text():
                text += piece
                if leaves:
                    return False
        return answer.status_code == 200 and text.rstrip().endswith("[DONE]")

    started = time.perf_counter()
    async with httpx.AsyncClient(timeout=300.0, limits=limits) as client:
        reading = [asyncio.ensure_future(one(client, leaves=number < LEAVERS)) for number in range(STREAMS)]
        done, late = await asyncio.wait(reading, timeout=STREAMS_SECONDS)
        for stream in late:
            stream.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        whole = sum(stream.exception() is None and stream.result() for stream in done)
    seconds = time.perf_counter() - started
    return Row(
        name=f"{STREAMS} streams of 1 s at once, of which {LEAVERS} clients leave: the others read to their end after",
        unit="s",
        ours=seconds,
        ours_min=seconds,
        ours_max=seconds,
        target=f"all {STREAMS - LEAVERS}",
        met=whole == STREAMS - LEAVERS,
        runs=1,
        note=f"{whole} of the {STREAMS - LEAVERS} whose clients stayed were whole",
    )


def _memory_row(stack: dict[str, Any]) -> Row:
    mebibytes = {role: psutil.Process(stack["pids"][role]).memory_info().rss / 2**20 for role in ("web", "gateway")}
    web = psutil.Process(stack["pids"]["web"])
    has_litellm = any("litellm" in mapped.path for mapped in web.memory_maps())
    return Row(
        name="memory of web, which asks models through the gateway process",
        unit="MiB",
        ours=mebibytes["web"],
        ours_min=mebibytes["web"],
        ours_max=mebibytes["web"],
        reference_name="the gateway process",
        reference=mebibytes["gateway"],
        target="without litellm",
        met=not has_litellm,
        runs=1,
    )
