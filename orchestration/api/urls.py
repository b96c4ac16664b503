"""Routes of the API. Session ids are names: the pattern is what the official client allows."""

from django.urls import path, re_path

from orchestration.api.openai.response_views import ResponseCancelView, ResponseListView, ResponseView
from orchestration.api.openai.views import (
    ChatCompletionView,
    CompletionView,
    EmbeddingsView,
    ModelListView,
    ModelView,
)
from orchestration.api.views.agents import AgentListView, AgentView
from orchestration.api.views.approvals import ApprovalDecisionView, ApprovalListView
from orchestration.api.views.control import TaskCancelView, TaskControlStateView, TaskPauseView, TaskResumeView
from orchestration.api.views.feedback import TaskFeedbackView
from orchestration.api.views.files import (
    FileDiffView,
    FileEditView,
    FileListView,
    FileSearchView,
    FileView,
    MemoryFileListView,
    MemoryFileView,
)
from orchestration.api.views.forks import TaskForkView
from orchestration.api.views.mcp_servers import McpServerListView, McpServerRefreshView, McpServerView
from orchestration.api.views.messages import MessageView
from orchestration.api.views.modules import ModuleListView, ModuleView
from orchestration.api.views.openapi_apis import ImportedApiListView, ImportedApiRefreshView, ImportedApiView
from orchestration.api.views.replays import TaskReplayView
from orchestration.api.views.reviews import TaskReviewView
from orchestration.api.views.roles import RoleListView, RoleView
from orchestration.api.views.schedules import (
    ScheduleListView,
    SchedulePauseView,
    ScheduleResumeView,
    ScheduleRunListView,
    ScheduleView,
)
from orchestration.api.views.sessions import SessionEventsView, SessionHistoryView, SessionListView, SessionView
from orchestration.api.views.skills import SkillListView, SkillVersionsView, SkillView
from orchestration.api.views.states import StepStateView
from orchestration.api.views.strategies import StrategyListView
from orchestration.api.views.stream import StreamView, WebSocketView
from orchestration.api.views.system import DocsView, HealthView, MetricsView, OpenApiView, ReadinessView, WhoAmIView
from orchestration.api.views.tasks import (
    TaskEventsView,
    TaskListView,
    TaskStreamView,
    TaskSubmitStreamView,
    TaskView,
)
from orchestration.api.views.templates import TemplateDryRunView, TemplateListView, TemplateView
from orchestration.api.views.timeline import TaskTimelineView
from orchestration.api.views.tools import ToolDefinitionView, ToolExecuteView, ToolListView, ToolTestView, ToolView
from orchestration.api.views.usage import UsageView

_SESSION = r"^api/v1/sessions/(?P<session_id>[A-Za-z0-9:_.\-]{1,128})"

urlpatterns = [
    path("health", HealthView.as_view(), name="health"),
    path("readiness", ReadinessView.as_view(), name="readiness"),
    path("metrics", MetricsView.as_view(), name="prometheus-django-metrics"),
    path("openapi.json", OpenApiView.as_view(), name="openapi"),
    path("docs", DocsView.as_view(url_name="openapi"), name="docs"),
    path("api/v1/agents", AgentListView.as_view(), name="agents"),
    path("api/v1/agents/<str:agent_id>", AgentView.as_view(), name="agent"),
    path("api/v1/approvals", ApprovalListView.as_view(), name="approvals"),
    path("api/v1/approvals/decision", ApprovalDecisionView.as_view(), name="approval-decision"),
    path("api/v1/auth/me", WhoAmIView.as_view(), name="auth-me"),
    path("api/v1/tasks", TaskListView.as_view(), name="tasks"),
    path("api/v1/tasks/stream", TaskSubmitStreamView.as_view(), name="tasks-submit-stream"),
    path("api/v1/tasks/<str:task_id>", TaskView.as_view(), name="task"),
    path("api/v1/tasks/<str:task_id>/events", TaskEventsView.as_view(), name="task-events"),
    path("api/v1/tasks/<str:task_id>/stream", TaskStreamView.as_view(), name="task-stream"),
    path("api/v1/tasks/<str:task_id>/cancel", TaskCancelView.as_view(), name="task-cancel"),
    path("api/v1/tasks/<str:task_id>/pause", TaskPauseView.as_view(), name="task-pause"),
    path("api/v1/tasks/<str:task_id>/resume", TaskResumeView.as_view(), name="task-resume"),
    path("api/v1/tasks/<str:task_id>/control-state", TaskControlStateView.as_view(), name="task-control-state"),
    path("api/v1/tasks/<str:task_id>/feedback", TaskFeedbackView.as_view(), name="task-feedback"),
    path("api/v1/tasks/<str:task_id>/fork", TaskForkView.as_view(), name="task-fork"),
    path("api/v1/strategies", StrategyListView.as_view(), name="strategies"),
    path("api/v1/tasks/<str:task_id>/review", TaskReviewView.as_view(), name="task-review"),
    path("api/v1/tasks/<str:task_id>/replay", TaskReplayView.as_view(), name="task-replay"),
    path("api/v1/tasks/<str:task_id>/steps/<str:step_key>/state", StepStateView.as_view(), name="task-step-state"),
    path("api/v1/tasks/<str:task_id>/timeline", TaskTimelineView.as_view(), name="task-timeline"),
    path("api/v1/swarm/<str:task_id>/message", MessageView.as_view(), name="task-message"),
    path("api/v1/templates", TemplateListView.as_view(), name="templates"),
    path("api/v1/templates/<str:name>", TemplateView.as_view(), name="template"),
    path("api/v1/templates/<str:name>/dry-run", TemplateDryRunView.as_view(), name="template-dry-run"),
    path("api/v1/stream/sse", StreamView.as_view(), name="stream-sse"),
    path("api/v1/stream/ws", WebSocketView.as_view(), name="stream-ws"),
    path("api/v1/schedules", ScheduleListView.as_view(), name="schedules"),
    path("api/v1/schedules/<str:schedule_id>", ScheduleView.as_view(), name="schedule"),
    path("api/v1/schedules/<str:schedule_id>/pause", SchedulePauseView.as_view(), name="schedule-pause"),
    path("api/v1/schedules/<str:schedule_id>/resume", ScheduleResumeView.as_view(), name="schedule-resume"),
    path("api/v1/schedules/<str:schedule_id>/runs", ScheduleRunListView.as_view(), name="schedule-runs"),
    path("api/v1/sessions", SessionListView.as_view(), name="sessions"),
    re_path(rf"{_SESSION}$", SessionView.as_view(), name="session"),
    re_path(rf"{_SESSION}/history$", SessionHistoryView.as_view(), name="session-history"),
    re_path(rf"{_SESSION}/events$", SessionEventsView.as_view(), name="session-events"),
    re_path(rf"{_SESSION}/files$", FileListView.as_view(), name="session-files"),
    re_path(rf"{_SESSION}/files-search$", FileSearchView.as_view(), name="session-files-search"),
    re_path(rf"{_SESSION}/files-edit$", FileEditView.as_view(), name="session-files-edit"),
    re_path(rf"{_SESSION}/files-diff$", FileDiffView.as_view(), name="session-files-diff"),
    path("api/v1/modules", ModuleListView.as_view(), name="modules"),
    path("api/v1/modules/<str:name>", ModuleView.as_view(), name="module"),
    path("api/v1/memory/files", MemoryFileListView.as_view(), name="memory-files"),
    re_path(r"^api/v1/memory/files/(?P<path>.+)$", MemoryFileView.as_view(), name="memory-file"),
    re_path(rf"{_SESSION}/files/(?P<path>.+)$", FileView.as_view(), name="session-file"),
    path("api/v1/usage", UsageView.as_view(), name="usage"),
    path("v1/models", ModelListView.as_view(), name="openai-models"),
    path("v1/models/<path:model>", ModelView.as_view(), name="openai-model"),
    path("v1/chat/completions", ChatCompletionView.as_view(), name="openai-chat"),
    path("v1/completions", CompletionView.as_view(), name="openai-completions"),
    path("v1/embeddings", EmbeddingsView.as_view(), name="openai-embeddings"),
    path("v1/responses", ResponseListView.as_view(), name="openai-responses"),
    path("v1/responses/<str:name>", ResponseView.as_view(), name="openai-response"),
    path("v1/responses/<str:name>/cancel", ResponseCancelView.as_view(), name="openai-response-cancel"),
    path("api/v1/mcp-servers", McpServerListView.as_view(), name="mcp-servers"),
    path("api/v1/mcp-servers/<str:server_id>", McpServerView.as_view(), name="mcp-server"),
    path("api/v1/mcp-servers/<str:server_id>/refresh", McpServerRefreshView.as_view(), name="mcp-server-refresh"),
    path("api/v1/openapi-apis", ImportedApiListView.as_view(), name="openapi-apis"),
    path("api/v1/openapi-apis/<str:api_id>", ImportedApiView.as_view(), name="openapi-api"),
    path("api/v1/openapi-apis/<str:api_id>/refresh", ImportedApiRefreshView.as_view(), name="openapi-api-refresh"),
    path("api/v1/roles", RoleListView.as_view(), name="roles"),
    path("api/v1/roles/<str:name>", RoleView.as_view(), name="role"),
    path("api/v1/skills", SkillListView.as_view(), name="skills"),
    path("api/v1/skills/<str:name>", SkillView.as_view(), name="skill"),
    path("api/v1/skills/<str:name>/versions", SkillVersionsView.as_view(), name="skill-versions"),
    path("api/v1/tools", ToolListView.as_view(), name="tools"),
    path("api/v1/tools/<str:name>", ToolView.as_view(), name="tool"),
    path("api/v1/tools/<str:name>/definition", ToolDefinitionView.as_view(), name="tool-definition"),
    path("api/v1/tools/<str:name>/test", ToolTestView.as_view(), name="tool-test"),
    path("api/v1/tools/<str:name>/execute", ToolExecuteView.as_view(), name="tool-execute"),
]
