"""Finding what earlier tasks found out."""

from collections.abc import Mapping
from typing import Any

from agents.journal.bounds import bounded_text
from agents.memory.remembering import memory_search
from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.tools.schemas import list_of, object_of

_SHOWN_CHARACTERS = 2_000  # of one memory


class MemorySearchTool(Tool):
    """Searches the tenant's memory by meaning."""

    name = "memory_search"
    description = (
        "Search the answers of earlier tasks by meaning. Use it when the request refers to earlier work. `rating` is "
        "what people said of an answer: do not repeat one that is bad; `comment` may say what is wrong with it."
    )
    category = "memory"
    returns = object_of(
        memories=list_of(
            object_of(
                content="string",
                score="number",
                task_id="string",
                created_at="string",
                rating="string?",
                comment="string",
            )
        )
    )
    parameters = {
        "type": "object",
        "properties": {
            "query": {"type": "string", "minLength": 1, "maxLength": 2000},
            "limit": {"type": "integer", "minimum": 1, "maximum": 20, "description": "Default 5."},
        },
        "required": ["query"],
        "additionalProperties": False,
    }

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return `{"memories": [{"content", "score", "task_id", "created_at", "rating", "comment"}]}`, nearest first.

        `rating` is `good` or `bad`, and null where nobody said; what is called bad comes last.
        """
        hits = memory_search(tenant_id=ctx.tenant_id, query=arguments["query"], limit=arguments.get("limit", 5))
        memories = [
            {
                "content": bounded_text(hit.content, _SHOWN_CHARACTERS),
                "score": round(hit.score, 4),
                "task_id": str(hit.task_id),
                "created_at": hit.created_at.isoformat(),
                "rating": hit.rating,
                "comment": hit.feedback_comment,
            }
            for hit in hits
        ]
        return ToolOutput({"memories": memories})
