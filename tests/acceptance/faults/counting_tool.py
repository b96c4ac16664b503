"""Tools whose effects are outside of the system, where they are counted: one must not happen twice, one hangs."""

import os
import threading
from collections.abc import Mapping
from typing import Any

import httpx

from agents.tools.base import Tool, ToolContext, ToolOutput
from tests.acceptance.faults.witness import WITNESS_VARIABLE


class CountingTool(Tool):
    """Tells the witness of each call."""

    name = "count"
    description = "Count one thing."
    category = "compute"
    parameters = {
        "type": "object",
        "properties": {"key": {"type": "string", "description": "What is counted."}},
        "required": ["key"],
        "additionalProperties": False,
    }
    idempotent = False

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return how often the witness has seen the key."""
        return ToolOutput(_counted(arguments["key"]))


class HangingTool(Tool):
    """Tells the witness, and never returns the first time that a key is counted."""

    name = "hang"
    description = "Hang once."
    category = "compute"
    parameters = CountingTool.parameters
    timeout_seconds = 0.5

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return how often the witness has seen the key, if that is not the first time."""
        counted = _counted(arguments["key"])
        if counted["count"] == 1:
            threading.Event().wait()
        return ToolOutput(counted)


def _counted(key: str) -> dict[str, Any]:
    answer = httpx.post(f"{os.environ[WITNESS_VARIABLE]}/effects", json={"key": key}, timeout=60.0)
    answer.raise_for_status()
    counted: dict[str, Any] = answer.json()
    return counted
