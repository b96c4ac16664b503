"""Looking into JSON with JMESPath (https://jmespath.org/specification.html)."""

import json
from collections.abc import Mapping
from typing import Any

from jmespath.exceptions import JMESPathError

from agents.errors import ToolInputInvalid
from agents.tools.base import FileUse, Tool, ToolContext, ToolOutput
from agents.tools.json_expressions import json_search
from agents.tools.schemas import object_of
from sandbox.services import workspace_open

_MAX_BYTES = 4 * 1024 * 1024


class JsonQueryTool(Tool):
    """Applies one JMESPath expression to a JSON file of the workspace or to JSON text."""

    name = "json_query"
    description = (
        "Take values out of JSON with a JMESPath expression, for example people[?age > `30`].name | sort(@). "
        "Give a JSON file of the workspace as path, or JSON text as text."
    )
    category = "compute"
    file_use = FileUse.READS
    returns = object_of(result="any")
    parameters = {
        "type": "object",
        "properties": {
            "expression": {"type": "string", "minLength": 1, "maxLength": 2000},
            "path": {"type": "string", "minLength": 1, "maxLength": 500},
            "text": {"type": "string", "minLength": 1, "maxLength": 200_000},
        },
        "required": ["expression"],
        "oneOf": [{"required": ["path"]}, {"required": ["text"]}],
        "additionalProperties": False,
    }
    timeout_seconds = 10.0

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return `{"result"}`; null when the expression finds nothing."""
        try:
            document = _document(ctx, arguments)
            found = json_search(arguments["expression"], document, timeout_seconds=ctx.timeout_seconds)
            return ToolOutput({"result": found})
        except JMESPathError as error:
            raise ToolInputInvalid(f"The expression cannot be used: {error}") from error
        except RecursionError as error:
            raise ToolInputInvalid("The expression or the JSON is nested too deeply.") from error


def _document(ctx: ToolContext, arguments: Mapping[str, Any]) -> Any:
    if "path" in arguments:
        workspace = workspace_open(tenant_id=ctx.tenant_id, session_id=ctx.session_id)
        data = workspace.read(arguments["path"])
    else:
        data = arguments["text"].encode()
    if len(data) > _MAX_BYTES:
        raise ToolInputInvalid(f"The JSON has {len(data)} bytes; at most {_MAX_BYTES} are read. Use python instead.")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ToolInputInvalid(f"This is not JSON: {error}.") from error
