"""Without Valkey each process keeps the rules by itself, and does not ask in vain."""

from collections.abc import Iterator

import pytest
import redis
from pytest_django import Settings

from agents.llm.gate import CallEnd, Verdict
from agents.llm.gate.valkey import ValkeyGate
from tests.integration.agents.llm.gate.asking import admit, end, lane


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
