"""The strategies that there are."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.endpoint import Endpoint
from orchestration.api.serializers.strategies import StrategyListAnswer
from orchestration.strategies import OFFERED


class StrategyListView(Endpoint):
    """Ways of working on a request."""

    required_scopes = {"GET": "tasks:read"}

    @extend_schema(operation_id="strategies_list", tags=["tasks"], responses=StrategyListAnswer)
    def get(self, _request: Request) -> Response:
        """List the strategies with their parameters."""
        return Response(StrategyListAnswer({"strategies": list(OFFERED.values())}).data)
