"""Single agents: list, get, and ask one."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.endpoint import Endpoint
from orchestration.api.http import idempotency_key_of
from orchestration.api.schema import IDEMPOTENCY_KEY
from orchestration.api.serializers.agents import AgentAnswer, AgentExecuteAnswer, AgentExecuteBody, AgentListAnswer
from orchestration.api.views.tasks import stream_url_of, submit_headers
from orchestration.single_agents import agent_execute, agent_for, agents_of


class AgentListView(Endpoint):
    """The agents that may be asked directly."""

    required_scopes = {"GET": "tools:read"}

    @extend_schema(operation_id="agents_list", tags=["agents"], responses=AgentListAnswer)
    def get(self, _request: Request) -> Response:
        """List the roles and the tools, each as an agent."""
        return Response(AgentListAnswer({"agents": agents_of(self.principal)}).data)


class AgentView(Endpoint):
    """One agent."""

    required_scopes = {"GET": "tools:read", "POST": "tasks:write"}

    @extend_schema(operation_id="agents_get", tags=["agents"], responses=AgentAnswer)
    def get(self, _request: Request, agent_id: str) -> Response:
        """Get one agent with the schema of its input."""
        return Response(AgentAnswer(agent_for(principal=self.principal, agent_id=agent_id)).data)

    @extend_schema(
        operation_id="agents_execute",
        tags=["agents"],
        parameters=[IDEMPOTENCY_KEY],
        request=AgentExecuteBody,
        responses={202: AgentExecuteAnswer},
    )
    def post(self, request: Request, agent_id: str) -> Response:
        """Ask one agent; the answer is a task, which is worked on from now on."""
        body = AgentExecuteBody.of_body(request).validated_data
        submitted = agent_execute(
            principal=self.principal,
            agent_id=agent_id,
            given=body["input"],
            session_id=body["session_id"],
            idempotency_key=idempotency_key_of(request),
        )
        context = {"agent_id": agent_id, "stream_url": stream_url_of(request, submitted.task.id)}
        answer = AgentExecuteAnswer(submitted.task, context=context)
        return Response(answer.data, status=202, headers=submit_headers(submitted))
