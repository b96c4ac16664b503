"""Errors of agents at work."""

from collections.abc import Mapping
from typing import Any

from shannon_project.foundation.errors import Conflict, InvalidInput, NotFound, ShannonError, Unavailable


class TaskCancelled(ShannonError):
    """The task was cancelled."""

    code = "TASK_CANCELLED"
    http_status = 409


class TaskPaused(ShannonError):
    """The task is paused; the step goes on from its journal when it is resumed."""

    code = "TASK_PAUSED"
    http_status = 409


class WorkerStopping(ShannonError):
    """The worker is about to stop; the step goes on from its journal in another one."""

    code = "WORKER_STOPPING"
    http_status = 503


class StepWaits(ShannonError):
    """The step waits for a person; it goes on from its journal when somebody has decided."""

    code = "STEP_WAITS"
    http_status = 409


class ApprovalDenied(ShannonError):
    """A person did not allow this, or nobody decided in time."""

    code = "APPROVAL_DENIED"
    http_status = 403


class StepSuperseded(ShannonError):
    """Another worker holds this step now; whatever this one does is not recorded."""

    code = "STEP_SUPERSEDED"
    http_status = 409


class StepDeadlineExceeded(ShannonError):
    """The step ran out of time."""

    code = "STEP_DEADLINE_EXCEEDED"
    http_status = 504


class SessionNotFound(NotFound):
    """There is no such session."""

    code = "SESSION_NOT_FOUND"


class SessionIdInvalid(InvalidInput):
    """A session id is a UUID, or up to 128 letters, digits and `:_-.`."""

    code = "SESSION_ID_INVALID"


class SessionTitleInvalid(InvalidInput):
    """A session title has 1 to 60 characters."""

    code = "SESSION_TITLE_INVALID"


class ToolNotFound(NotFound):
    """There is no such tool."""

    code = "TOOL_NOT_FOUND"


class ToolInputInvalid(InvalidInput):
    """The arguments do not fit the tool; the caller can mend them."""

    code = "TOOL_INPUT_INVALID"


class ToolFailed(ShannonError):
    """The tool cannot do this; asking again with the same arguments will not help."""

    code = "TOOL_FAILED"


class BlobNotFound(NotFound):
    """There is no such stored value, or it is no longer kept."""

    code = "BLOB_NOT_FOUND"


class BlobTooLarge(ShannonError):
    """The value is larger than what is kept of one value."""

    code = "BLOB_TOO_LARGE"
    http_status = 413


class McpServerNotFound(NotFound):
    """There is no such MCP server."""

    code = "MCP_SERVER_NOT_FOUND"


class McpServerExists(Conflict):
    """The tenant has an MCP server of this name already."""

    code = "MCP_SERVER_EXISTS"


class McpServerInvalid(InvalidInput):
    """An MCP server has a name of 1 to 24 letters a-z, digits and single `_`, and an address that may be reached."""

    code = "MCP_SERVER_INVALID"


class McpServerFailed(ShannonError):
    """The MCP server could not be reached or did not speak the protocol."""

    code = "MCP_SERVER_FAILED"
    http_status = 502


class OpenApiNotFound(NotFound):
    """There is no such API."""

    code = "OPENAPI_NOT_FOUND"


class OpenApiExists(Conflict):
    """The tenant has an API of this name already."""

    code = "OPENAPI_EXISTS"


class OpenApiInvalid(InvalidInput):
    """An API has a name of 1 to 24 letters a-z, digits and single `_`, and a document of OpenAPI 3.0 or 3.1."""

    code = "OPENAPI_INVALID"


class OpenApiCredentialsMissing(ShannonError):
    """The API wants credentials that were not given, or not for this address; the tenant's fault."""

    code = "OPENAPI_CREDENTIALS_MISSING"
    http_status = 409


class SkillNotFound(NotFound):
    """There is no such skill."""

    code = "SKILL_NOT_FOUND"


class OwnToolExists(Conflict):
    """The tenant has a tool of this name already."""

    code = "TOOL_EXISTS"


class OwnToolInvalid(InvalidInput):
    """A tool's name, schema or program is not as it must be."""

    code = "TOOL_INVALID"


class SkillExists(Conflict):
    """The tenant has this version of the skill already."""

    code = "SKILL_EXISTS"


class SkillInvalid(InvalidInput):
    """The document or a program of a skill is not as it must be."""

    code = "SKILL_INVALID"


class SkillUnreadable(ShannonError):
    """A SKILL.md has no frontmatter, or a wrong one."""

    code = "SKILL_UNREADABLE"


class RoleNotFound(NotFound):
    """There is no such role."""

    code = "ROLE_NOT_FOUND"


class RoleExists(Conflict):
    """The tenant has a role of this name already."""

    code = "ROLE_EXISTS"


class RoleInvalid(InvalidInput):
    """A role's name begins with a letter a-z and has up to 32 letters a-z, digits, `_` and `-`."""

    code = "ROLE_INVALID"


class EmbeddingModelUnknown(NotFound):
    """There is no such model for embeddings; `details.known` lists those that exist. Dimensions are fixed."""

    code = "EMBEDDING_MODEL_UNKNOWN"


class GatewayBusy(Unavailable):
    """So many models are being asked that this call was not begun; try again."""

    code = "GATEWAY_BUSY"


class AnswerInvalid(ShannonError):
    """The model's answer does not have the form that it must have, and asking once more did not mend it."""

    code = "ANSWER_INVALID"
    http_status = 502


class JournalMismatch(ShannonError):
    """A resumed step asked for something else than it did before: its code or its input changed."""

    code = "JOURNAL_MISMATCH"
    http_status = 409


class JournalValueTooLarge(ShannonError):
    """An effect returned more than the journal keeps; the effect must bound its result."""

    code = "JOURNAL_VALUE_TOO_LARGE"


class OutcomeUnknown(ShannonError):
    """An effect was started before a crash, may have happened, and must not be repeated."""

    code = "OUTCOME_UNKNOWN"
    http_status = 409


class RecordedFailure(ShannonError):
    """An effect failed for good in an earlier attempt of this step; `code` and details are those of that failure."""

    def __init__(self, recorded: Mapping[str, Any]) -> None:
        """Make the error again from `ShannonError.as_json()`."""
        super().__init__(str(recorded.get("message", "")), details=recorded.get("details") or {})
        self.recorded_code = str(recorded.get("code", ShannonError.code))

    def as_json(self) -> dict[str, Any]:
        """Return the recorded error, under its own code."""
        return {**super().as_json(), "code": self.recorded_code}
