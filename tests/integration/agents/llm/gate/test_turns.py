"""Who waits is let in by turns of tenants, and in the order of asking among the calls of one."""

import pytest
from pytest_django import Settings

from agents.llm.gate import CallEnd, CallEnded, Verdict
from agents.llm.gate.local import LocalGate
from agents.llm.gate.valkey import ValkeyGate
from tests.integration.agents.llm.gate.asking import admit, end, lane, let_in


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
            gate.finish(where, came[-1], CallEnded(CallEnd.SUCCESS, 1), admission=first, reserved_tokens=1)

    assert came == ["other-1", "busy-0000", "other-2", "busy-0001"]


@pytest.mark.parametrize("limits", [{"at_once": 1}, {"tokens": 1}], ids=["at once", "tokens"])
def test_turns_are_in_proportion_to_the_weights_of_tenants(settings: Settings, limits: dict[str, int]) -> None:
    settings.SHANNON_MODEL_RATE_PERIOD_SECONDS = 0.2
    gate, where, weights = ValkeyGate(), lane(**limits), {"large": 3, "small": 1}
    first = gate.admit(where, "c", tokens=1, max_wait_seconds=0, tenant="third")
    end(gate, where, CallEnd.LIMITED, first, pause_seconds=600.0)  # while they come nobody is let in
    waiting = {f"{tenant}-{number}": tenant for number in range(6) for tenant in weights}
    for call, tenant in waiting.items():
        asked = admit(gate, where, wait=100_000.0, call=call, tenant=tenant, weight=weights[tenant])
        assert asked.verdict is Verdict.QUEUED
    end(gate, where, CallEnd.LIMITED, first, pause_seconds=0.0)

    came = []
    for _ in range(8):
        call = let_in(gate, where, waiting, weights)
        came.append(call.partition("-")[0])
        gate.finish(where, call, CallEnded(CallEnd.SUCCESS, 1), admission=first, reserved_tokens=1)

    assert (came.count("large"), came.count("small")) == (6, 2)


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
