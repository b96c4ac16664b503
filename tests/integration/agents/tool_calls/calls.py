"""Calling tools in tests."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from agents.context import StepContext
from agents.journal import Journal
from agents.services import tool_call
from agents.types import ToolResult
from sandbox.runtimes.fake import FakeRuntime


def call(ctx: StepContext, name: str, journal: Journal | None = None, **arguments: Any) -> ToolResult:
    """Call a tool in a step."""
    return tool_call(ctx, journal or Journal(ctx), name, json.dumps(arguments))


def output_of(result: ToolResult) -> Mapping[str, Any]:
    """Return the output of a call that went well."""
    assert result.error is None
    assert isinstance(result.output, dict)
    return result.output


def code_of(result: ToolResult) -> tuple[str, bool]:
    """Return the code of a call that did not, and whether that is final."""
    assert result.error is not None
    return result.error.code, result.error.final


@pytest.fixture
def _fake_sandbox(settings: Any) -> None:
    settings.SHANNON_SANDBOX_RUNTIME = "sandbox.runtimes.fake.FakeRuntime"
    FakeRuntime.forget()
