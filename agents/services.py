"""Changes of the agents app, and agents at work."""

from concurrent.futures import ThreadPoolExecutor

from agents.approvals import approval_ask, denied, waiting_terms
from agents.blobs import (
    Blob,
    BlobRef,
    blob_get,
    blob_heads,
    blob_put,
    blob_text,
    blobs_keep,
    digests_in,
    is_packed,
    value_pack,
    value_unpack,
    values_unpack,
)
from agents.blobs.heads import values_shown
from agents.forms.filling import FormAnswer, FormRequest, form_fill
from agents.journal import Journal, bounded_json, bounded_text, storable_json
from agents.journal.copying import EntryOutline, journal_copy, journal_outline
from agents.journal.reading import notes_write, step_usage, steps_usage
from agents.llm.base import gateway_in_use
from agents.llm.calls import model_call
from agents.llm.catalogues import model_override_check
from agents.llm.keeping import texts_purge
from agents.llm.types import ModelTier
from agents.loop.messages import dependency_share_characters
from agents.loop.running import agent_run
from agents.memory.remembering import (
    MemoryNote,
    MemoryRating,
    answer_remember,
    memories_of,
    memories_rate,
    memories_write,
    memory_remember,
    memory_search,
)
from agents.memory.selection import embedder
from agents.months import month_tables
from agents.planning.drafts import PlanDraft, PlanRequest, plan_draft
from agents.replaying import EffectWanted, ReplayEngine, ReplayJournal
from agents.roles.role import shipped_roles
from agents.roles.rows import RoleChanges, role_change, role_create, role_delete
from agents.sessions.workspace_overview import workspace_has_files, workspace_overview
from agents.sessions.writing import conversation_add, message_append, session_delete, session_open, session_rename
from agents.skills.rows import skill_create, skill_delete, skill_switch
from agents.step_budget import node_limited, step_limited
from agents.synthesis.answers import (
    ANSWER_MAX_OUTPUT_TOKENS,
    SynthesisRequest,
    answer_synthesize,
    synthesis_share_characters,
)
from agents.tools.calling import tool_call
from agents.tools.mcp.servers import (
    McpServerChanges,
    mcp_server_change,
    mcp_server_create,
    mcp_server_delete,
    mcp_server_refresh,
    mcp_servers_refresh,
)
from agents.tools.openapi.apis import (
    OpenApiChanges,
    openapi_api_change,
    openapi_api_create,
    openapi_api_delete,
    openapi_api_refresh,
)
from agents.tools.own.rows import OwnToolChanges, own_tool_change, own_tool_create, own_tool_delete
from sandbox.services import shutdown as sandbox_shutdown
from sandbox.services import warm as sandbox_warm
from shannon_project.foundation.memory import memory_loaded

__all__ = [
    "ANSWER_MAX_OUTPUT_TOKENS",
    "Blob",
    "BlobRef",
    "EffectWanted",
    "EntryOutline",
    "FormAnswer",
    "FormRequest",
    "Journal",
    "McpServerChanges",
    "MemoryNote",
    "MemoryRating",
    "ModelTier",
    "OpenApiChanges",
    "OwnToolChanges",
    "PlanDraft",
    "PlanRequest",
    "ReplayEngine",
    "ReplayJournal",
    "RoleChanges",
    "SynthesisRequest",
    "agent_run",
    "answer_remember",
    "answer_synthesize",
    "approval_ask",
    "blob_get",
    "blob_heads",
    "blob_put",
    "blob_text",
    "blobs_keep",
    "bounded_json",
    "bounded_text",
    "conversation_add",
    "denied",
    "dependency_share_characters",
    "digests_in",
    "form_fill",
    "is_packed",
    "journal_copy",
    "journal_outline",
    "mcp_server_change",
    "mcp_server_create",
    "mcp_server_delete",
    "mcp_server_refresh",
    "mcp_servers_refresh",
    "memories_of",
    "memories_rate",
    "memories_write",
    "memory_remember",
    "memory_search",
    "message_append",
    "model_call",
    "model_override_check",
    "month_tables",
    "node_limited",
    "notes_write",
    "openapi_api_change",
    "openapi_api_create",
    "openapi_api_delete",
    "openapi_api_refresh",
    "own_tool_change",
    "own_tool_create",
    "own_tool_delete",
    "plan_draft",
    "role_change",
    "role_create",
    "role_delete",
    "session_delete",
    "session_open",
    "session_rename",
    "skill_create",
    "skill_delete",
    "skill_switch",
    "step_limited",
    "step_usage",
    "steps_usage",
    "storable_json",
    "synthesis_share_characters",
    "texts_purge",
    "tool_call",
    "value_pack",
    "value_unpack",
    "values_shown",
    "values_unpack",
    "waiting_terms",
    "worker_load",
    "worker_shutdown",
    "worker_warm",
    "workspace_has_files",
    "workspace_overview",
]


def worker_load() -> None:
    """Load what workers that are forked from this process share: models, vectors and roles, and no thread."""
    embedder().embed(["warm"])  # first: what it needs for a moment is taken again by what follows
    gateway_in_use().warm()
    shipped_roles()


def worker_warm() -> None:
    """Load what a worker needs before its first step: the model gateway, the embedder, the roles, the sandbox.

    Raises:
        SandboxUnavailable: No sandbox host can be started; the worker must not take steps.
    """
    with memory_loaded(), ThreadPoolExecutor(1, "warm") as pool:
        host = pool.submit(sandbox_warm)  # a process of its own: it starts while this one imports
        worker_load()
        host.result()


def worker_shutdown() -> None:
    """Stop what a worker started: the sandbox hosts."""
    sandbox_shutdown()
