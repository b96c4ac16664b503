"""The tools that each tenant made of programs of its own."""

from collections.abc import Mapping
from uuid import UUID

from agents.models import OwnToolRow
from agents.tools.base import Tool
from agents.tools.own.tool import OwnTool
from agents.tools.sources.base import ToolSource


class OwnSource(ToolSource):
    """The tenant's active ones."""

    def tools(self, tenant_id: UUID) -> Mapping[str, Tool]:
        """See `ToolSource.tools`."""
        rows = OwnToolRow.objects.filter(tenant_id=tenant_id, is_active=True).order_by("name")
        return {tool.name: tool for tool in map(OwnTool, rows)}
