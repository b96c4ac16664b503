"""What every source of a tenant's own tools is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from agents.tools.base import Tool

SEPARATOR: Final = "__"
"""In every name of a tenant's own tool, and in no name of a built-in one: `<kind>__<server or api>__<tool>`."""


class ToolSource(ABC):
    """Knows the tools of one kind that each tenant has registered."""

    @abstractmethod
    def tools(self, tenant_id: UUID) -> Mapping[str, Tool]:
        """Return the tenant's tools by name, ready to be called. One query; nothing outside is asked."""
