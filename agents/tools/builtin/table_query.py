"""Asking the session's tables in SQL."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from agents.tools.base import FileUse, Tool, ToolContext, ToolOutput
from agents.tools.schemas import COLUMN, list_of, object_of
from agents.tools.tables import tables_ask

_DEFAULT_ROWS = 100
_MAX_ROWS = 500


class TableQueryTool(Tool):
    """Runs a query on DuckDB over CSV, TSV, JSON and Parquet files, which are all that it can reach."""

    name = "table_query"
    description = (
        "Run a SQL query (DuckDB's dialect) over CSV, TSV, JSON, JSONL or Parquet files of the session's workspace. "
        "Each file is a table named like the file without its ending: data/sales-2024.csv is sales_2024. Aggregate in "
        "the query instead of reading rows. The answer says which tables and columns there are."
    )
    category = "compute"
    file_use = FileUse.READS
    returns = object_of(
        columns=list_of(COLUMN),
        rows=list_of({"type": "array"}),
        more="boolean",
        tables={
            "type": "object",
            "additionalProperties": object_of(path="string", rows="integer", columns=list_of(COLUMN)),
        },
    )
    parameters = {
        "type": "object",
        "properties": {
            "sql": {"type": "string", "minLength": 1, "maxLength": 50_000},
            "paths": {
                "type": "array",
                "items": {"type": "string", "minLength": 1, "maxLength": 500},
                "minItems": 1,
                "maxItems": 8,
            },
            "max_rows": {
                "type": "integer",
                "minimum": 1,
                "maximum": _MAX_ROWS,
                "description": f"Rows to return at most; default {_DEFAULT_ROWS}.",
            },
        },
        "required": ["sql", "paths"],
        "additionalProperties": False,
    }
    timeout_seconds = settings.SHANNON_SANDBOX_WAIT_SECONDS + settings.SHANNON_SANDBOX_WALL_SECONDS

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return what `tables_ask` returns."""
        return tables_ask(
            ctx, arguments["sql"], paths=arguments["paths"], rows_max=arguments.get("max_rows", _DEFAULT_ROWS)
        )
