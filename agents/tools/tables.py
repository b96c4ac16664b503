"""Files of the session as tables of a database, and what the model is told of a query."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from agents.tools.base import ToolContext, ToolOutput
from agents.types import ToolError
from sandbox.services import limits_default, tables_query, workspace_open
from sandbox.types import Outcome

_UNFIT = re.compile(r"\W+", re.ASCII)


def tables_ask(ctx: ToolContext, sql: str, *, paths: Sequence[str], rows_max: int) -> ToolOutput:
    """Ask a query of some files of the session.

    Returns:
        `{"columns", "rows", "more", "tables"}`, see `sandbox.services.tables_query`; or the error `QUERY_INVALID` with
        the database's own words, `SANDBOX_TIMEOUT`, `SANDBOX_MEMORY_EXCEEDED` or `SANDBOX_CRASHED`.
    """
    workspace = workspace_open(tenant_id=ctx.tenant_id, session_id=ctx.session_id)
    files = {path: workspace.read(path) for path in dict.fromkeys(paths)}
    limits = limits_default()
    wall_seconds = min(limits.wall_seconds, ctx.timeout_seconds / 2)
    limits = replace(limits, wall_seconds=wall_seconds, wait_seconds=ctx.timeout_seconds - wall_seconds)
    result = tables_query(sql, files=files, tables=table_names(list(files)), rows_max=rows_max, limits=limits)
    if result.outcome is Outcome.OK:
        answer: dict[str, Any] = json.loads(result.stdout)
        return ToolOutput(answer)
    if result.outcome is Outcome.FAILED:
        return ToolOutput(error=ToolError("QUERY_INVALID", result.stderr[:2000], final=False))
    return ToolOutput(error=ToolError(f"SANDBOX_{result.outcome.name}", result.message, final=False))


def table_names(paths: Sequence[str]) -> dict[str, str]:
    """Return a name for each path, as a query can write it: the file's own without its end, numbered where two meet."""
    names: dict[str, str] = {}
    for path in paths:
        stem = _UNFIT.sub("_", PurePosixPath(path).stem.lower()).strip("_") or "table"
        name = f"t_{stem}" if stem[0].isdigit() else stem
        number = 1
        fit = name
        while fit in names:
            number += 1
            fit = f"{name}_{number}"
        names[fit] = path
    return names
