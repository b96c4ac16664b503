"""The time, which no model knows."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agents.errors import ToolInputInvalid
from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.tools.schemas import object_of


class CurrentTimeTool(Tool):
    """Tells the time; a resumed step is told what it was told the first time, since the journal keeps it."""

    name = "current_time"
    description = "The current date and time, in UTC and in a time zone."
    category = "compute"
    returns = object_of(utc="string", local="string", time_zone="string", weekday="string", unix_seconds="number")
    parameters = {
        "type": "object",
        "properties": {
            "time_zone": {"type": "string", "maxLength": 64, "description": "For example Europe/Berlin; default UTC."}
        },
        "additionalProperties": False,
    }
    timeout_seconds = 2.0

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:  # noqa: ARG002 - all tools alike
        """Return `{"utc", "local", "time_zone", "weekday", "unix_seconds"}`; the times are ISO 8601."""
        name = arguments.get("time_zone", "UTC")
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ToolInputInvalid(f"There is no time zone {name!r}; name one like Europe/Berlin.") from error
        now = datetime.now(UTC).replace(microsecond=0)
        local = now.astimezone(zone)
        return ToolOutput(
            {
                "utc": now.isoformat(),
                "local": local.isoformat(),
                "time_zone": name,
                "weekday": local.strftime("%A"),
                "unix_seconds": int(now.timestamp()),
            }
        )
