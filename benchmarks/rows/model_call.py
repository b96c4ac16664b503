"""A model call with policy, budget, journal and accounting, against the same call through bare litellm."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from agents.context import Emit, StepContext
from agents.fake_engine import FakeStepEngine, fake_context
from agents.llm.administration import gateway_row_save
from agents.llm.base import gateway_in_use
from agents.llm.types import ModelRequest
from agents.models import ModelOverride, TierOverride
from agents.services import Journal, model_call, session_open
from benchmarks.report import Row
from policy.services import principal_authenticate, tenant_seed
from policy.types import BudgetRef, BudgetScope, Principal
from shannon_project.foundation.database import pipelined_transaction

ROOT = Path(__file__).resolve().parents[2]
CALLS = 200
WARM_UP = 5
CALLS_LEAST = 10
SECONDS_EACH = 20.0
"""After so long no more calls are made: on a machine that does other things too they are fewer."""
PAUSE_SECONDS = 0.01  # in which litellm's thread of books for the last call gets done, not in the next one's time
TARGET_MS = 5.0
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 6 * 7?"}]


@dataclass(frozen=True, slots=True)
class _Took:
    """What a call took, in milliseconds; `cpu` is this process's, of all its threads."""

    wall: float
    cpu: float


def model_call_rows(stack: dict[str, Any], runs: int) -> list[Row]:  # noqa: ARG001 - a row of many short runs
    """Measure both in turn, A B A B …, whole and streamed, with a provider on loopback that answers at once."""
    tenant = tenant_seed(slug="bench-model-call", name="Bench: model call")  # its own: its rows must not serve others
    principal = replace(principal_authenticate(api_key=stack["api_key"]), tenant_id=tenant.id)
    gateway_in_use().warm()
    with _provider() as base_url:
        _serve_small_by(principal, base_url)
        rows = []
        for is_streamed in (False, True):
            bare = lambda: _bare(base_url, is_streamed=is_streamed)  # noqa: B023, E731 - used before the next one
            ours = lambda: _ours(principal, is_streamed=is_streamed)  # noqa: B023, E731 - as above
            rows.append(_row("streamed" if is_streamed else "whole", *_both(bare, ours)))
        return rows


def _both(bare: Callable[[], None], ours: Callable[[], None]) -> tuple[list[_Took], list[_Took]]:
    theirs: list[_Took] = []
    own: list[_Took] = []
    end = time.monotonic() + SECONDS_EACH
    for number in range(CALLS + WARM_UP):
        if time.monotonic() > end and len(own) >= CALLS_LEAST:
            break
        first, second = _timed(bare), _timed(ours)
        if number >= WARM_UP:
            theirs.append(first)
            own.append(second)
    return theirs, own


def _timed(call: Callable[[], None]) -> _Took:
    started, used = time.perf_counter(), time.process_time()
    call()
    took = _Took((time.perf_counter() - started) * 1000, (time.process_time() - used) * 1000)
    time.sleep(PAUSE_SECONDS)
    return took


def _row(kind: str, bare: list[_Took], own: list[_Took]) -> Row:
    bare_ms, ours_ms = [took.wall for took in bare], [took.wall for took in own]
    bare_cpu, own_cpu = median(took.cpu for took in bare), median(took.cpu for took in own)
    added = [ours - bare for ours, bare in zip(ours_ms, bare_ms, strict=True)]
    p50, p99 = median(ours_ms) - median(bare_ms), quantiles(added, n=100)[98]
    return Row(
        name=f"model call, {kind}: added to bare litellm (policy, budget, journal, limits, row)",
        unit="ms",
        ours=p50,
        ours_min=min(added),
        ours_max=max(added),
        reference_name="bare litellm, the call itself",
        reference=median(bare_ms),
        ratio=median(ours_ms) / median(bare_ms),
        target=f"p50 ≤ {TARGET_MS:.0f} ms",
        met=p50 <= TARGET_MS,
        runs=len(added),
        note=f"p99 of what is added: {p99:.1f} ms; processor time of a call: ours {own_cpu:.1f} ms, bare "
        f"{bare_cpu:.1f} ms; transactions are those of a step's first attempt, without its lease and its events",
    )


def _bare(base_url: str, *, is_streamed: bool) -> None:
    import litellm  # noqa: PLC0415 - loaded by the gateway's warm-up

    arguments: dict[str, Any] = {"model": "openai/m", "messages": MESSAGES, "api_base": base_url, "api_key": "none"}
    answer = litellm.completion(**arguments, max_tokens=64, num_retries=0, max_retries=0, stream=is_streamed)
    if is_streamed:
        for _ in answer:
            pass


def _ours(principal: Principal, *, is_streamed: bool) -> None:
    ctx = _context(principal, is_watched=is_streamed)
    model_call(ctx, Journal(ctx), ModelRequest(messages=MESSAGES, tier="small", max_output_tokens=64))


def _context(principal: Principal, *, is_watched: bool) -> StepContext:
    session = _session_of(principal)
    budgets = (BudgetRef(BudgetScope.TENANT, principal.tenant_id),)
    ctx = fake_context(engine=_Engine(), principal=principal, session_id=session, budgets=budgets)
    return replace(ctx, is_watched=is_watched, is_resumed=False)


class _Engine(FakeStepEngine):
    """Opens transactions as the engine of steps does, whose statements do not wait for each other."""

    @contextmanager
    def transaction(self, *, begins: bool = False) -> Iterator[Emit]:  # noqa: ARG002 - nothing is paused here
        """Open one; what is emitted is dropped."""
        with pipelined_transaction():
            yield lambda _kind, _message="", _payload=None: None


_sessions: dict[Any, Any] = {}


def _session_of(principal: Principal) -> Any:
    if principal.tenant_id not in _sessions:
        _sessions[principal.tenant_id] = session_open(principal=principal, session_id=None).id
    return _sessions[principal.tenant_id]


def _serve_small_by(principal: Principal, base_url: str) -> None:
    row = ModelOverride(tenant_id=principal.tenant_id, name="bench", litellm_name="openai/m", provider="bench")
    row.api_base, row.input_usd, row.output_usd = base_url, Decimal(1), Decimal(2)
    row.abilities = ["streaming"]
    row.requests_per_minute, row.max_concurrency = 1_000_000, 1_000
    gateway_row_save(row=row)
    gateway_row_save(row=TierOverride(tenant_id=principal.tenant_id, tier="small", candidates=["bench"]))


@contextmanager
def _provider() -> Iterator[str]:
    """Run the tests' provider in a process of its own and give its address."""
    command = [sys.executable, "-m", "tests.provider"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None:
            raise RuntimeError("the provider has no output")
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(10)
