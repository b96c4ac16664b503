"""Routes of a call through models and keys that are fakes."""

import time
from typing import Any

from agents.llm.credentials import ENVIRONMENT, Credential
from agents.llm.fake import FakeGateway
from agents.llm.gate.local import LocalGate
from agents.llm.retry import RetryLimits
from agents.llm.routing import Choice, Route
from agents.llm.types import ModelRequest
from shannon_project.config.catalogue import CatalogueModel

HELLO = ModelRequest(messages=[{"role": "user", "content": "hello"}], max_output_tokens=10)


def model(name: str, **values: Any) -> CatalogueModel:
    return CatalogueModel(name=name, litellm_name=name, provider=f"provider-of-{name}", **values)


def choice(name: str, *keys: str, **values: Any) -> Choice:
    return Choice(model(name, **values), tuple(Credential(key) for key in keys) or (ENVIRONMENT,))


def route_of(gateway: FakeGateway, *choices: Choice, gate: LocalGate | None = None, **values: Any) -> Route:
    limits = RetryLimits(
        attempts=values.pop("rounds", 1),
        base_seconds=0.001,
        max_seconds=values.pop("max_seconds", 5.0),
        deadline_monotonic_seconds=time.monotonic() + values.pop("left_seconds", 30.0),
    )
    return Route(
        gateway=gateway,
        gate=gate or LocalGate(),
        choices=choices,
        request=HELLO,
        limits=limits,
        checkpoint=values.pop("checkpoint", lambda: None),
        **values,
    )
