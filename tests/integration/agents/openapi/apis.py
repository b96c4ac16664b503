"""Importing APIs in tests, and calling what came of them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from agents.journal import Journal
from agents.models import OpenApi
from agents.services import (
    OpenApiChanges,
    openapi_api_create,
    tool_call,
)
from agents.types import ToolResult
from policy.types import Principal
from tests.integration.agents.openapi.sites import ApiSite, api_site
from tests.integration.agents.steps import step_of

DOCUMENTS = Path(__file__).parent / "documents"
NAMES = sorted(path.stem for path in DOCUMENTS.glob("*.yaml"))


@pytest.fixture
def site(settings: Settings) -> Iterator[ApiSite]:
    with api_site() as running:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = running.endpoint
        yield running


@pytest.fixture
def owner(principal: Principal) -> Principal:
    """Somebody who may call dangerous tools."""
    return replace(principal, scopes=principal.scopes | {"tools:dangerous"})


def text_of(name: str) -> str:
    return (DOCUMENTS / f"{name}.yaml").read_text()


def imported(who: Principal, document: str, **changes: Any) -> OpenApi:
    return openapi_api_create(principal=who, name="x", changes=OpenApiChanges(document=document, **changes))


def small(site: ApiSite, path: str = "/a", method: str = "get", **parts: Any) -> str:
    operation = {"operationId": "do", "responses": {}, **parts.pop("operation", {})}
    whole = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "servers": [{"url": site.url}]}
    return json.dumps({**whole, "paths": {path: {method: operation}}, **parts})


def call(who: Principal, tool: str, /, **arguments: Any) -> ToolResult:
    ctx = step_of(who)
    return tool_call(ctx, Journal(ctx), tool, json.dumps(arguments))
