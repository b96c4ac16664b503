"""One tool of an MCP server, as a tool of the platform."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from agents.journal.bounds import bounded_text
from agents.tools.arguments import value_problem
from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.tools.mcp.base import Endpoint, StdioCommand, ToolRecord, connector_in_use
from agents.types import Json, ToolError

_NAME_MAX_CHARACTERS: Final = 64  # what providers take
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]")
_ERROR_CHARACTERS: Final = 4_000


def tool_name(server: str, tool: str) -> str:
    """Return a name that every provider takes; one that had to be changed ends with a digest, so it stays unique."""
    fit = f"mcp__{server}__{_UNFIT.sub('_', tool)}"
    if len(fit) <= _NAME_MAX_CHARACTERS and fit.endswith(f"__{tool}"):
        return fit
    digest = hashlib.sha256(tool.encode()).hexdigest()[:8]
    return f"{fit[: _NAME_MAX_CHARACTERS - 9]}_{digest}"


class McpTool(Tool):
    """Asks its server each time; the server's flags decide whether it is dangerous, unless the tenant trusts it."""

    category = "mcp"

    def __init__(
        self,
        *,
        server: str,
        endpoint: Endpoint,
        record: ToolRecord,
        is_trusted: bool,
        timeout_seconds: float,
        on_tools_changed: Callable[[], None],
    ) -> None:
        """Take what was discovered.

        Args:
            server: The server's name.
            endpoint: How to reach it.
            record: The tool.
            is_trusted: The tenant says that it is not dangerous.
            timeout_seconds: Of one call.
            on_tools_changed: Called when the server says that its tools have changed.
        """
        self.name = tool_name(server, record["name"])
        self.description = record["description"]
        self.parameters = record["parameters"]
        self.returns = record.get("returns", {})
        self.dangerous = record["destructive"] and not is_trusted
        self.idempotent = record["idempotent"]
        self.needs_network = not isinstance(endpoint, StdioCommand)
        self.timeout_seconds = timeout_seconds
        self._server = server
        self._endpoint = endpoint
        self._remote_name = record["name"]
        self._on_tools_changed = on_tools_changed

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return the structured content if there is any, else `{"text"}`.

        What is not as the server's output schema says is an error that shows it: the call was made.

        Raises:
            McpServerFailed: The server failed, as opposed to the tool.
            OutboundRefused: The server's address may not be reached from here.
        """
        result = connector_in_use().call(
            self._server,
            self._endpoint,
            self._remote_name,
            arguments,
            timeout_seconds=ctx.timeout_seconds,
            idempotency_key=ctx.idempotency_key,
            on_tools_changed=self._on_tools_changed,
        )
        if result.is_error:
            message = bounded_text(result.text, _ERROR_CHARACTERS) or f"{self._remote_name} did not say why it failed."
            return ToolOutput(error=ToolError("MCP_TOOL_FAILED", message, final=False))
        output = result.structured if result.structured is not None else {"text": result.text}
        problem = value_problem(self.returns, output, name="output") if self.returns else ""
        return ToolOutput(error=self._unlike(output, problem)) if problem else ToolOutput(output)

    def _unlike(self, output: Json, problem: str) -> ToolError:
        message = (
            f"The call was made, but what {self._remote_name} answered is not as its server says that it is: {problem}"
        )
        shown = bounded_text(json.dumps(output, ensure_ascii=False), _ERROR_CHARACTERS)
        return ToolError("TOOL_OUTPUT_INVALID", message, final=False, details={"output": shown})
