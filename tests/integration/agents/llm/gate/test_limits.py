"""Limits of a lane hold over all processes: calls and tokens in a period, and calls at once."""

import multiprocessing
import threading
import time

from django.conf import settings as django_settings
from pytest_django import Settings

from agents.llm.gate import CallEnd, CallEnded, Gate, Lane, LaneRefused, Limits, Verdict, lane_enter
from agents.llm.gate.valkey import ValkeyGate
from shannon_project.foundation.ids import uuid7
from tests.integration.agents.llm.gate.asking import admit, end, lane


def test_requests_beyond_the_limit_wait_for_their_turn_or_are_late(gate: Gate, settings: Settings) -> None:
    settings.SHANNON_MODEL_RATE_PERIOD_SECONDS = 60.0
    where = lane(requests=2)

    assert [admit(gate, where).verdict for _ in range(3)] == [Verdict.ADMITTED, Verdict.ADMITTED, Verdict.LATE]
    waiting = admit(gate, where, wait=100.0)
    assert waiting.verdict is (Verdict.QUEUED if isinstance(gate, ValkeyGate) else Verdict.ADMITTED)
    assert waiting.wait_seconds > 0
    assert admit(gate, where, wait=5.0).verdict is Verdict.LATE, "it need not wait to hear that it waits in vain"


def test_tokens_are_limited_and_what_was_not_used_is_given_back(period: float) -> None:
    gate, where = ValkeyGate(), lane(tokens=100)
    first = gate.admit(where, "a", tokens=90, max_wait_seconds=0)
    assert admit(gate, where, tokens=50).verdict is Verdict.LATE

    gate.finish(where, "a", CallEnded(CallEnd.SUCCESS, 20), admission=first, reserved_tokens=90)

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


Turn = tuple[float, float]


def _hammer(model: str, turns: int, url: str, found: "multiprocessing.Queue[list[Turn]]") -> None:
    """Take turns from a process of its own, and tell for each from when to when it was given."""
    django_settings.CELERY_BROKER_URL = url
    django_settings.SHANNON_MODEL_RATE_PERIOD_SECONDS = 1.2
    gate, where, taken = ValkeyGate(), Lane(model, "k", Limits(requests=10)), list[Turn]()
    while len(taken) < turns:
        asked_at = time.time()
        try:
            lane_enter(gate, where, tokens=1, max_wait_seconds=0.1, checkpoint=lambda: None)
            taken.append((asked_at, time.time()))
        except LaneRefused:
            time.sleep(0.01)
    found.put(taken)


def test_no_window_of_time_holds_more_than_the_limit_whatever_processes_do() -> None:
    context = multiprocessing.get_context("spawn")  # a fork would take along what threads of other tests hold locked
    found: multiprocessing.Queue[list[Turn]] = context.Queue()
    model = f"m-{uuid7().hex}"
    arguments = (model, 10, django_settings.CELERY_BROKER_URL, found)
    workers = [context.Process(target=_hammer, args=arguments) for _ in range(3)]
    for worker in workers:
        worker.start()
    taken = [turn for _ in workers for turn in found.get(timeout=180)]
    for worker in workers:
        worker.join(60)

    # A turn was given at some moment between the two that are noted: only what lies wholly in a window is surely in it.
    for begin in (asked_at for asked_at, _ in taken):
        assert sum(begin <= asked_at and taken_at < begin + 1.2 for asked_at, taken_at in taken) <= 10


def test_waiting_threads_all_come_through() -> None:
    gate, where, through = ValkeyGate(), lane(at_once=2), list[float]()

    def work() -> None:
        entered = lane_enter(gate, where, tokens=1, max_wait_seconds=120.0, checkpoint=lambda: None)
        time.sleep(0.05)
        through.append(entered.waited_seconds)
        entered.finish(CallEnded(CallEnd.SUCCESS, 1))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert len(through) == 8
