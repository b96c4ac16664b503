"""What there is to know of a table's columns."""

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from agents.tools.base import FileUse, Tool, ToolContext, ToolOutput
from agents.tools.schemas import list_of, object_of
from agents.tools.tables import table_names, tables_ask

_MAX_COLUMNS: Final = 500
_SHOWN: Final = {
    "column_name": "name",
    "column_type": "type",
    "count": "count",
    "null_percentage": "null_percent",
    "approx_unique": "distinct_about",
    "min": "min",
    "max": "max",
    "avg": "mean",
    "std": "standard_deviation",
    "q25": "quartile_1",
    "q50": "median",
    "q75": "quartile_3",
}


class TableStatisticsTool(Tool):
    """Describes every column of a CSV, TSV, JSON or Parquet file."""

    name = "table_statistics"
    description = (
        "Describe every column of a CSV, TSV, JSON, JSONL or Parquet file of the session's workspace: type, rows, "
        "share of nulls, distinct values, minimum, maximum, mean, standard deviation, quartiles. Use it first on a "
        "file that you do not know."
    )
    category = "compute"
    file_use = FileUse.READS
    returns = object_of(path="string", rows="integer", columns=list_of({"type": "object"}), more="boolean")
    parameters = {
        "type": "object",
        "properties": {"path": {"type": "string", "minLength": 1, "maxLength": 500}},
        "required": ["path"],
        "additionalProperties": False,
    }
    timeout_seconds = settings.SHANNON_SANDBOX_WAIT_SECONDS + settings.SHANNON_SANDBOX_WALL_SECONDS

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return `{"path", "rows", "columns": [{"name", "type", "count", …}], "more"}`; what does not apply is null."""
        path = arguments["path"]
        (table,) = table_names([path])
        asked = tables_ask(ctx, f'SUMMARIZE "{table}"', paths=[path], rows_max=_MAX_COLUMNS)
        if not isinstance(asked.output, dict):
            return asked
        names = [column["name"] for column in asked.output["columns"]]
        rows = [dict(zip(names, row, strict=True)) for row in asked.output["rows"]]
        columns = [{shown: row.get(name) for name, shown in _SHOWN.items()} for row in rows]
        total = asked.output["tables"][table]["rows"]
        return ToolOutput({"path": path, "rows": total, "columns": columns, "more": asked.output["more"]})
