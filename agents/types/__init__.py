"""Values that cross the door of this app."""

from agents.types.agents import AgentResult, AgentSpec, SubtaskResult
from agents.types.approvals import BUDGET_CONTINUE, ApprovalAnswer, ApprovalAsk, AskedBy
from agents.types.conversations import TITLE_MAX_CHARACTERS, MessageRole, PersonMessage
from agents.types.inserting import Insert, inserted
from agents.types.journal import JournalStatus, UnknownOutcome
from agents.types.memory import EMBEDDING_DIMENSIONS, GOOD_SCORE, MemoryHit, NewMemory
from agents.types.tools import Json, ToolError, ToolInfo, ToolResult
from agents.types.usage import OUTPUT_TOKENS_MAX, CacheKind, Usage

__all__ = [
    "BUDGET_CONTINUE",
    "EMBEDDING_DIMENSIONS",
    "GOOD_SCORE",
    "OUTPUT_TOKENS_MAX",
    "TITLE_MAX_CHARACTERS",
    "AgentResult",
    "AgentSpec",
    "ApprovalAnswer",
    "ApprovalAsk",
    "AskedBy",
    "CacheKind",
    "Insert",
    "JournalStatus",
    "Json",
    "MemoryHit",
    "MessageRole",
    "NewMemory",
    "PersonMessage",
    "SubtaskResult",
    "ToolError",
    "ToolInfo",
    "ToolResult",
    "UnknownOutcome",
    "Usage",
    "inserted",
]
