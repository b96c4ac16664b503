"""The gate in Valkey: limits that hold over processes, turns in order, outages known to all, and life without it."""

import multiprocessing
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from pytest_django import Settings

from agents.llm.gate import Admission, CallEnd, Gate, Lane, LaneRefused, Limits, Verdict, lane_enter
from agents.llm.gate.local import LocalGate
from agents.llm.gate.valkey import ValkeyGate
from shannon_project.foundation.ids import uuid7


@pytest.fixture
def period(settings: Settings) -> float:
    """A period that a test can wait for."""
    settings.SHANNON_MODEL_RATE_PERIOD_SECONDS = 1.2
    return 1.2


@pytest.fixture(params=["valkey", "local"])
def gate(request: pytest.FixtureRequest) -> Gate:
    """Both gates keep the same rules."""
    return ValkeyGate() if request.param == "valkey" else LocalGate()


def lane(requests: int | None = None, tokens: int | None = None, at_once: int | None = None) -> Lane:
    return Lane(f"m-{uuid7().hex}", "k", Limits(requests, tokens, at_once))


def admit(
    gate: Gate, where: Lane, *, tokens: int = 1, wait: float = 0.0, call: str = "", tenant: str = ""
) -> Admission:
    return gate.admit(where, call or uuid7().hex, tokens=tokens, max_wait_seconds=wait, tenant=tenant)


def let_in(gate: Gate, where: Lane, waiting: dict[str, str]) -> str:
    """Let everybody who waits ask until one of them is let in, and return who it is; `waiting`: tenants of calls."""
    end_at = time.monotonic() + 60.0
    while time.monotonic() < end_at:
        for call, tenant in waiting.items():
            asked = admit(gate, where, wait=60.0, call=call, tenant=tenant)
            if asked.verdict is Verdict.ADMITTED:
                del waiting[call]
                return call
            assert asked.verdict is Verdict.QUEUED
    raise AssertionError("nobody was let in")


def end(gate: Gate, where: Lane, how: CallEnd, admission: Admission, **more: Any) -> None:
    gate.finish(where, "c", how, admission=admission, reserved_tokens=1, actual_tokens=1, **more)


def test_requests_beyond_the_limit_wait_for_their_turn_or_are_late(gate: Gate, settings: Settings) -> None:
    settings.SHANNON_MODEL_RATE_PERIOD_SECONDS = 60.0
    where = lane(requests=2)

    assert [admit(gate, where).verdict for _ in range(3)] == [Verdict.ADMITTED, Verdict.ADMITTED, Verdict.LATE]
    waiting = admit(gate, where, wait=100.0)
    assert waiting.verdict is (Verdict.QUEUED if isinstance(gate, ValkeyGate) else Verdict.ADMITTED)
    assert waiting.wait_seconds > 0
    assert admit(gate, where, wait=5.0).verdict is Verdict.LATE, "it need not wait to hear that it waits in vain"


def test_turns_come_in_the_order_of_asking_where_a_process_is_alone(period: float) -> None:
    gate, where = LocalGate(), lane(requests=1)

    waits = [admit(gate, where, wait=30.0).wait_seconds for _ in range(4)]

    assert waits == sorted(waits)
    assert waits[-1] >= 2.5 * period


def test_calls_of_one_tenant_come_in_the_order_of_asking(period: float) -> None:
    gate, where = ValkeyGate(), lane(requests=1)
    assert admit(gate, where).verdict is Verdict.ADMITTED
    waiting = {"w1": "a", "w2": "a", "w3": "a"}
    for call, tenant in waiting.items():
        assert admit(gate, where, wait=60.0, call=call, tenant=tenant).verdict is Verdict.QUEUED
    waiting = dict(reversed(waiting.items()))  # who waits longest asks last, and is first all the same

    assert [let_in(gate, where, waiting) for _ in range(2)] == ["w1", "w2"]


@pytest.mark.parametrize("limits", [{"at_once": 1}, {"requests": 1}, {"tokens": 1}], ids=["at once", "calls", "tokens"])
def test_a_tenant_with_a_thousand_waiting_calls_delays_nobody_elses_one(
    settings: Settings, limits: dict[str, int]
) -> None:
    settings.SHANNON_MODEL_RATE_PERIOD_SECONDS = 0.5
    gate, where = ValkeyGate(), lane(**limits)
    first = gate.admit(where, "c", tokens=1, max_wait_seconds=0, tenant="busy")
    end(gate, where, CallEnd.LIMITED, first, pause_seconds=600.0)  # while they come nobody is let in

    def queue(call: str, tenant: str) -> None:
        assert admit(gate, where, wait=100_000.0, call=call, tenant=tenant).verdict is Verdict.QUEUED

    for number in range(1_000):
        queue(f"busy-{number:04}", "busy")
        if number % 50 == 49:  # these two go on asking
            queue("busy-0000", "busy")
            queue("busy-0001", "busy")
    queue("other-1", "other")
    queue("other-2", "other")
    end(gate, where, CallEnd.LIMITED, first, pause_seconds=0.0)

    waiting = {"busy-0001": "busy", "busy-0000": "busy", "other-2": "other", "other-1": "other"}
    came = []
    for _ in range(4):
        came.append(let_in(gate, where, waiting))
        if limits.get("at_once"):
            gate.finish(where, came[-1], CallEnd.SUCCESS, admission=first, reserved_tokens=1, actual_tokens=1)

    assert came == ["other-1", "busy-0000", "other-2", "busy-0001"]


def test_who_asks_for_a_turn_now_or_never_passes_nobody_who_waits() -> None:
    gate, where = ValkeyGate(), lane(at_once=1)
    first = gate.admit(where, "c", tokens=1, max_wait_seconds=0, tenant="a")
    assert admit(gate, where, wait=60.0, call="w1", tenant="a").verdict is Verdict.QUEUED
    assert admit(gate, where, wait=60.0, call="w2", tenant="b").verdict is Verdict.QUEUED
    end(gate, where, CallEnd.SUCCESS, first)

    assert admit(gate, where, tenant="b").verdict is Verdict.LATE
    assert admit(gate, where, wait=60.0, call="w2", tenant="b").verdict is Verdict.ADMITTED


def test_who_gave_up_waiting_has_used_no_turn_of_its_tenant() -> None:
    gate, where = ValkeyGate(), lane(at_once=1)
    first = gate.admit(where, "c", tokens=1, max_wait_seconds=0, tenant="a")
    for number in range(5):
        admit(gate, where, wait=60.0, call=f"gone-{number}", tenant="b")
    admit(gate, where, wait=60.0, call="w1", tenant="a")
    admit(gate, where, wait=60.0, call="w2", tenant="a")
    for number in range(5):
        gate.leave(where, f"gone-{number}", tokens=1, tenant="b")
    admit(gate, where, wait=60.0, call="w3", tenant="b")
    end(gate, where, CallEnd.SUCCESS, first)

    assert let_in(gate, where, {"w2": "a", "w1": "a", "w3": "b"}) == "w3"


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


def test_tokens_are_limited_and_what_was_not_used_is_given_back(period: float) -> None:
    gate, where = ValkeyGate(), lane(tokens=100)
    first = gate.admit(where, "a", tokens=90, max_wait_seconds=0)
    assert admit(gate, where, tokens=50).verdict is Verdict.LATE

    gate.finish(where, "a", CallEnd.SUCCESS, admission=first, reserved_tokens=90, actual_tokens=20)

    assert admit(gate, where, tokens=50).verdict is Verdict.ADMITTED


def test_a_call_larger_than_the_whole_limit_goes_when_it_is_alone(gate: Gate, period: float) -> None:
    where = lane(tokens=10)

    assert admit(gate, where, tokens=1_000).verdict is Verdict.ADMITTED


def test_places_at_once_are_limited_and_freed(gate: Gate) -> None:
    where = lane(at_once=1)
    first = gate.admit(where, "c", tokens=1, max_wait_seconds=0)

    assert admit(gate, where).verdict is Verdict.LATE
    assert admit(gate, where, wait=5.0, call="w").verdict is Verdict.QUEUED
    end(gate, where, CallEnd.SUCCESS, first)

    assert admit(gate, where, wait=5.0, call="w").verdict is Verdict.ADMITTED


def test_who_waits_longest_for_a_place_gets_it_first() -> None:
    gate, where = ValkeyGate(), lane(at_once=1)
    first = gate.admit(where, "c", tokens=1, max_wait_seconds=0)
    for name in ("w1", "w2"):
        assert admit(gate, where, wait=5.0, call=name).verdict is Verdict.QUEUED
    end(gate, where, CallEnd.SUCCESS, first)

    assert admit(gate, where, wait=5.0, call="w2").verdict is Verdict.QUEUED
    assert admit(gate, where, wait=5.0, call="w1").verdict is Verdict.ADMITTED


def test_who_gave_up_waiting_holds_nobody_up() -> None:
    gate, where = ValkeyGate(), lane(at_once=1)
    first = gate.admit(where, "c", tokens=1, max_wait_seconds=0)
    admit(gate, where, wait=5.0, call="w1")
    admit(gate, where, wait=5.0, call="w2")
    gate.leave(where, "w1", tokens=1)
    end(gate, where, CallEnd.SUCCESS, first)

    assert admit(gate, where, wait=5.0, call="w2").verdict is Verdict.ADMITTED


def test_failures_open_the_lane_for_everybody_and_one_probe_closes_it(gate: Gate, settings: Settings) -> None:
    settings.SHANNON_MODEL_BREAKER_FAILURES = 3
    settings.SHANNON_MODEL_BREAKER_COOLDOWN_SECONDS = 0.3
    where = lane()
    for _ in range(3):
        end(gate, where, CallEnd.FAILURE, admit(gate, where))

    other = ValkeyGate() if isinstance(gate, ValkeyGate) else gate
    assert admit(other, where).verdict is Verdict.OPEN
    time.sleep(0.35)
    probe = admit(other, where)
    assert (probe.verdict, probe.is_probe) == (Verdict.ADMITTED, True)
    assert admit(gate, where).verdict is Verdict.OPEN, "one probe at a time"
    end(other, where, CallEnd.SUCCESS, probe)

    assert (admit(gate, where).verdict, admit(gate, where).is_probe) == (Verdict.ADMITTED, False)


def test_a_probe_that_fails_leaves_the_lane_alone_for_longer(gate: Gate, settings: Settings) -> None:
    settings.SHANNON_MODEL_BREAKER_FAILURES = 1
    settings.SHANNON_MODEL_BREAKER_COOLDOWN_SECONDS = 0.2
    where = lane()
    end(gate, where, CallEnd.FAILURE, admit(gate, where))
    time.sleep(0.25)
    end(gate, where, CallEnd.FAILURE, admit(gate, where))

    shut = admit(gate, where)

    assert shut.verdict is Verdict.OPEN
    assert shut.wait_seconds > 0.25


def test_a_success_forgets_earlier_failures(gate: Gate, settings: Settings) -> None:
    settings.SHANNON_MODEL_BREAKER_FAILURES = 2
    where = lane()
    for how in (CallEnd.FAILURE, CallEnd.SUCCESS, CallEnd.FAILURE):
        end(gate, where, how, admit(gate, where))

    assert admit(gate, where).verdict is Verdict.ADMITTED


def test_a_provider_that_wants_a_pause_gets_it_from_every_worker(gate: Gate) -> None:
    where = lane()
    end(gate, where, CallEnd.LIMITED, admit(gate, where), pause_seconds=5.0)

    other = ValkeyGate() if isinstance(gate, ValkeyGate) else gate
    assert admit(other, where).verdict is Verdict.LATE
    assert 4.0 < admit(other, where, wait=10.0).wait_seconds <= 5.0


def test_the_measured_p95_is_that_of_all_workers() -> None:
    gate, where = ValkeyGate(), lane()
    for number in range(1, 21):
        end(gate, where, CallEnd.SUCCESS, admit(gate, where), latency_seconds=number / 10)

    assert ValkeyGate().p95_latency_seconds(where.model) == pytest.approx(1.9)


def _hammer(model: str, seconds: float, url: str, found: "multiprocessing.Queue[list[float]]") -> None:
    """Ask for turns from a process of its own, and tell when they were taken."""
    django_settings.CELERY_BROKER_URL = url
    django_settings.SHANNON_MODEL_RATE_PERIOD_SECONDS = 1.2
    gate, where, taken = ValkeyGate(), Lane(model, "k", Limits(requests=10)), []
    end_at = time.monotonic() + seconds
    while time.monotonic() < end_at:
        try:
            lane_enter(gate, where, tokens=1, max_wait_seconds=0.5, checkpoint=lambda: None)
            taken.append(time.time())
        except LaneRefused:
            time.sleep(0.01)
    found.put(taken)


def test_no_window_of_time_holds_more_than_the_limit_whatever_processes_do() -> None:
    context = multiprocessing.get_context("fork")
    found: multiprocessing.Queue[list[float]] = context.Queue()
    model = f"m-{uuid7().hex}"
    arguments = (model, 3.0, django_settings.CELERY_BROKER_URL, found)
    workers = [context.Process(target=_hammer, args=arguments) for _ in range(3)]
    for worker in workers:
        worker.start()
    taken = sorted(moment for _ in workers for moment in found.get(timeout=60))
    for worker in workers:
        worker.join(10)

    assert len(taken) >= 15, "the limit is used, not only kept"
    # A turn is taken a moment after it was given, so a window is looked at that is a little shorter than the period.
    for place, first in enumerate(taken):
        assert sum(first <= moment < first + 1.0 for moment in taken[place:]) <= 10


@pytest.fixture
def _no_valkey(settings: Settings) -> Iterator[None]:
    """Point at a server that is not there."""
    from agents.llm.gate import valkey  # noqa: PLC0415 - its cached client is what is exchanged

    settings.CELERY_BROKER_URL = "redis://127.0.0.1:9/0"
    for cached in (valkey._client, valkey._script):
        cached.cache_clear()
    yield
    for cached in (valkey._client, valkey._script):
        cached.cache_clear()


@pytest.mark.usefixtures("_no_valkey")
def test_without_valkey_each_process_keeps_the_rules_by_itself(settings: Settings) -> None:
    settings.SHANNON_MODEL_BREAKER_FAILURES = 1
    gate, limited, broken = ValkeyGate(), lane(requests=1), lane()

    assert [admit(gate, limited).verdict for _ in range(2)] == [Verdict.ADMITTED, Verdict.LATE]
    end(gate, broken, CallEnd.FAILURE, admit(gate, broken))
    assert admit(gate, broken).verdict is Verdict.OPEN


@pytest.mark.usefixtures("_no_valkey")
def test_a_valkey_that_is_away_is_not_asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, where, asked = ValkeyGate(), lane(), []

    def refuse(*_: object, **__: object) -> None:
        asked.append(1)
        raise redis.ConnectionError

    monkeypatch.setattr(redis.Redis, "execute_command", refuse)
    for _ in range(20):
        admit(gate, where)

    assert len(asked) <= 2


def test_waiting_threads_all_come_through() -> None:
    gate, where, through = ValkeyGate(), lane(at_once=2), list[float]()

    def work() -> None:
        entered = lane_enter(gate, where, tokens=1, max_wait_seconds=20.0, checkpoint=lambda: None)
        time.sleep(0.05)
        through.append(entered.waited_seconds)
        entered.finish(CallEnd.SUCCESS, actual_tokens=1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(through) == 8
