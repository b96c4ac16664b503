"""The tools of the APIs that each tenant imported."""

from collections.abc import Mapping
from uuid import UUID

import structlog
from django.conf import settings

from agents.models import OpenApi
from agents.tools.base import Tool
from agents.tools.openapi.apis import signer_of
from agents.tools.openapi.tool import OpenApiTool
from agents.tools.sources.base import ToolSource
from shannon_project.foundation.encryption import SecretUnreadable

log = structlog.get_logger(__name__)


class OpenApiSource(ToolSource):
    """Tools of the tenant's active APIs."""

    def tools(self, tenant_id: UUID) -> Mapping[str, Tool]:
        """See `ToolSource.tools`. An API whose credentials cannot be read any more offers nothing."""
        tools: dict[str, Tool] = {}
        for api in OpenApi.objects.filter(tenant_id=tenant_id, is_active=True).defer("document").order_by("name"):
            try:
                signer = signer_of(api)
            except SecretUnreadable as error:
                log.warning("credentials_unreadable", tenant_id=str(tenant_id), api=api.name, error=error.message)
                continue
            for record in api.operations:
                tools[record["tool"]] = OpenApiTool(
                    record=record,
                    signer=signer,
                    is_trusted=record["operation"] in api.operations_trusted,
                    timeout_seconds=min(api.timeout_seconds, settings.SHANNON_OPENAPI_TIMEOUT_SECONDS),
                )
        return tools
