"""Rows of the agents app. Constraints only: services change rows."""

from agents.models.gateway import (
    CachedAnswer,
    KeptText,
    ModelCall,
    ModelOverride,
    ModelRules,
    ProviderKey,
    TierOverride,
)
from agents.models.journal import Blob, JournalEntry
from agents.models.memory import Memory
from agents.models.sessions import Message, Session
from agents.models.tenant_rows import AgentRole, McpServer, OpenApi, OwnToolRow, TenantRow, TenantSkill

__all__ = [
    "AgentRole",
    "Blob",
    "CachedAnswer",
    "JournalEntry",
    "KeptText",
    "McpServer",
    "Memory",
    "Message",
    "ModelCall",
    "ModelOverride",
    "ModelRules",
    "OpenApi",
    "OwnToolRow",
    "ProviderKey",
    "Session",
    "TenantRow",
    "TenantSkill",
    "TierOverride",
]
