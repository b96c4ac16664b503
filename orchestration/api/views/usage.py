"""Accounts: what a tenant paid, by day, month, model, user and task."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.endpoint import AsyncEndpoint, in_thread
from orchestration.api.serializers.usage import TenantUsageAnswer, UsageQuery, columns_of, row_body
from orchestration.api.tables import ROWS_EACH, cells, csv_pieces
from policy.selectors import usage_rows


class UsageView(AsyncEndpoint):
    """What was paid."""

    required_scopes = {"GET": "tasks:read"}
    queries = {"GET": UsageQuery}

    @extend_schema(operation_id="usage", tags=["usage"], parameters=[UsageQuery], responses=TenantUsageAnswer)
    async def get(self, _request: Request) -> HttpResponseBase:
        """Add up what the tenant paid: calls, tokens, dollars. `format=csv` sends every row as a table."""
        if self.query["format"] == "csv":
            columns = columns_of(self.query["by"])
            pieces = csv_pieces(columns, partial(self._table, columns))
            headers = {"Content-Disposition": 'attachment; filename="usage.csv"', "Cache-Control": "no-store"}
            return StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8", headers=headers)
        rows, total = await in_thread(self._page)
        head = {name: self.query[name] for name in ("since", "until")}
        by = columns_of(self.query["by"])[: len(self.query["by"])]
        tenant_id = str(self.principal.tenant_id)
        return Response({"tenant_id": tenant_id, **head, "by": by, "rows": rows, "total": total})

    def _rows(self, *by: Any) -> Any:
        query = self.query
        asked = {"model": query["model"], "user_id": query["user"], "task_id": query["task_id"]}
        return usage_rows(
            tenant_id=self.principal.tenant_id,
            since=query["since"],
            until=query["until"],
            by=by,
            only={name: value for name, value in asked.items() if value is not None},
        )

    def _page(self) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        start = self.query["offset"]
        rows = self._rows(*self.query["by"])[start : start + self.query["limit"]]
        total = self._rows().first()
        return [row_body(row) for row in rows], None if total is None else row_body(total)

    def _table(self, columns: Sequence[str]) -> Iterator[list[Any]]:
        with transaction.atomic():
            rows = self._rows(*self.query["by"]).iterator(chunk_size=ROWS_EACH)
            yield from cells((row_body(row) for row in rows), columns)
