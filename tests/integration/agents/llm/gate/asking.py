"""Asking a gate for a turn, and telling it how a call ended."""

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from agents.llm.gate import Admission, CallEnd, CallEnded, Gate, Lane, Limits, Verdict
from shannon_project.foundation.ids import uuid7


def lane(requests: int | None = None, tokens: int | None = None, at_once: int | None = None) -> Lane:
    return Lane(f"m-{uuid7().hex}", "k", Limits(requests, tokens, at_once))


def admit(
    gate: Gate, where: Lane, *, tokens: int = 1, wait: float = 0.0, call: str = "", tenant: str = "", weight: int = 1
) -> Admission:
    name = call or uuid7().hex
    return gate.admit(where, name, tokens=tokens, max_wait_seconds=wait, tenant=tenant, weight=weight)


def admit_when_shut_no_more(gate: Gate, where: Lane) -> Admission:
    """Ask until the lane is not left alone any more, and return what is said then."""
    end_at = time.monotonic() + 60.0
    while time.monotonic() < end_at:
        asked = admit(gate, where)
        if asked.verdict is not Verdict.OPEN:
            return asked
    raise AssertionError("the lane was left alone for too long")


def let_in(gate: Gate, where: Lane, waiting: dict[str, str], weights: Mapping[str, int] = MappingProxyType({})) -> str:
    """Let everybody who waits ask until one of them is let in, and return who it is; `waiting`: tenants of calls."""
    end_at = time.monotonic() + 60.0
    while time.monotonic() < end_at:
        for call, tenant in waiting.items():
            asked = admit(gate, where, wait=60.0, call=call, tenant=tenant, weight=weights.get(tenant, 1))
            if asked.verdict is Verdict.ADMITTED:
                del waiting[call]
                return call
            assert asked.verdict is Verdict.QUEUED
    raise AssertionError("nobody was let in")


def end(gate: Gate, where: Lane, how: CallEnd, admission: Admission, tenant: str = "", **more: Any) -> None:
    gate.finish(where, "c", CallEnded(how, 1, **more), admission=admission, reserved_tokens=1, tenant=tenant)
