"""What a worker loads before its first step."""

from typing import Any

import pytest

from agents.llm.base import gateway_in_use
from agents.llm.fake import FakeGateway
from agents.memory.fake import FakeEmbedder
from agents.memory.selection import embedder
from agents.roles.role import shipped_roles
from agents.services import worker_shutdown, worker_warm
from sandbox.runtimes.fake import FakeRuntime


@pytest.mark.usefixtures("db")
def test_a_worker_warms_the_gateway_the_embedder_the_roles_and_the_sandbox(settings: Any) -> None:
    settings.SHANNON_MODEL_GATEWAY = "agents.llm.fake.FakeGateway"
    settings.SHANNON_EMBEDDER = "agents.memory.fake.FakeEmbedder"
    settings.SHANNON_SANDBOX_RUNTIME = "sandbox.runtimes.fake.FakeRuntime"
    FakeRuntime.forget()
    try:
        gateway, used = gateway_in_use(), embedder()
        assert isinstance(gateway, FakeGateway)
        assert isinstance(used, FakeEmbedder)
        before = gateway.warmed, used.embedded
        shipped_roles.cache_clear()
        worker_warm()
        assert (gateway.warmed, used.embedded) == (before[0] + 1, before[1] + 1)
        assert shipped_roles.cache_info().currsize == 1
        assert FakeRuntime.warmed == ["python"]
    finally:
        worker_shutdown()
