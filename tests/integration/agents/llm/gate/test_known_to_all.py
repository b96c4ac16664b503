"""What one worker learns of a provider all know: outages, pauses, times of answer, context windows."""

import time

import pytest
from pytest_django import Settings

from agents.llm.gate import CallEnd, Gate, Lane, Verdict
from agents.llm.gate.valkey import ValkeyGate
from tests.integration.agents.llm.gate.asking import admit, admit_when_shut_no_more, end, lane


def test_failures_open_the_lane_for_everybody_and_one_probe_closes_it(gate: Gate, settings: Settings) -> None:
    settings.SHANNON_MODEL_BREAKER_FAILURES = 3
    shut, where = lane(), lane()
    for failing, settings.SHANNON_MODEL_BREAKER_COOLDOWN_SECONDS in ((shut, 60.0), (where, 0.05)):
        for _ in range(3):
            end(gate, failing, CallEnd.FAILURE, admit(gate, failing))

    other = ValkeyGate() if isinstance(gate, ValkeyGate) else gate
    assert admit(other, shut).verdict is Verdict.OPEN
    probe = admit_when_shut_no_more(other, where)
    assert (probe.verdict, probe.is_probe) == (Verdict.ADMITTED, True)
    assert admit(gate, where).verdict is Verdict.OPEN, "one probe at a time"
    end(other, where, CallEnd.SUCCESS, probe)

    assert (admit(gate, where).verdict, admit(gate, where).is_probe) == (Verdict.ADMITTED, False)


def test_a_probe_that_fails_leaves_the_lane_alone_for_longer(gate: Gate, settings: Settings) -> None:
    settings.SHANNON_MODEL_BREAKER_FAILURES = 1
    settings.SHANNON_MODEL_BREAKER_COOLDOWN_SECONDS = 0.05
    where = lane()
    end(gate, where, CallEnd.FAILURE, admit(gate, where))
    probe = admit_when_shut_no_more(gate, where)
    settings.SHANNON_MODEL_BREAKER_COOLDOWN_SECONDS = 60.0
    end(gate, where, CallEnd.FAILURE, probe)

    shut = admit(gate, where)

    assert shut.verdict is Verdict.OPEN
    assert 60.0 < shut.wait_seconds <= 120.0


def test_a_success_forgets_earlier_failures(gate: Gate, settings: Settings) -> None:
    settings.SHANNON_MODEL_BREAKER_FAILURES = 2
    where = lane()
    for how in (CallEnd.FAILURE, CallEnd.SUCCESS, CallEnd.FAILURE):
        end(gate, where, how, admit(gate, where))

    assert admit(gate, where).verdict is Verdict.ADMITTED


def test_a_provider_that_wants_a_pause_gets_it_from_every_worker(gate: Gate) -> None:
    where = lane()
    end(gate, where, CallEnd.LIMITED, admit(gate, where), pause_seconds=100.0)

    other = ValkeyGate() if isinstance(gate, ValkeyGate) else gate
    assert admit(other, where).verdict is Verdict.LATE
    assert 0.0 < admit(other, where, wait=200.0).wait_seconds <= 100.0


def test_the_measured_p95_is_that_of_all_workers() -> None:
    gate, where = ValkeyGate(), lane()
    for number in range(1, 21):
        end(gate, where, CallEnd.SUCCESS, admit(gate, where), latency_seconds=number / 10)

    assert ValkeyGate().p95_latency_seconds(where.model) == pytest.approx(1.9)


def test_a_context_window_that_a_provider_stated_to_a_tenant_is_known_to_all_workers(gate: Gate) -> None:
    where = lane()
    assert gate.window_tokens(where.model, "a") is None
    end(gate, where, CallEnd.NEUTRAL, admit(gate, where, tenant="a"), window_tokens=8_192, tenant="a")

    other = ValkeyGate() if isinstance(gate, ValkeyGate) else gate
    with_another_key = Lane(where.model, "k2")
    assert admit(other, with_another_key, tenant="a").window_tokens == 8_192
    assert other.window_tokens(where.model, "a") == gate.window_tokens(where.model, "a") == 8_192
    assert admit(other, lane(), tenant="a").window_tokens is None
    assert admit(other, where, tenant="b").window_tokens is None, "what providers say may be what another sent"
    assert other.window_tokens(where.model, "b") is None


def test_a_context_window_is_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.llm.gate.valkey.WINDOW_SECONDS", 0.05)
    gate, where = ValkeyGate(), lane()
    end(gate, where, CallEnd.NEUTRAL, admit(gate, where), window_tokens=8_192)
    end_at = time.monotonic() + 30.0
    while admit(gate, where).window_tokens is not None:
        assert time.monotonic() < end_at

    assert gate.window_tokens(where.model, "") is None
