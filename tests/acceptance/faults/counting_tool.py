"""A tool whose effect is outside of the system, where it is counted, and must not happen twice."""

import os
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
        answer = httpx.post(
            f"{os.environ[WITNESS_VARIABLE]}/effects", json=dict(arguments), timeout=ctx.timeout_seconds
        )
        answer.raise_for_status()
        return ToolOutput(answer.json())
