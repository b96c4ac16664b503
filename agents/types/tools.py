"""What is known of a tool, and how a call of it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = None | bool | int | float | str | list[Any] | dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolError:
    """Why a tool call failed. `final`: the same tool will not do it, whatever the arguments."""

    code: str
    message: str
    final: bool
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """How a tool call ended: an output, or an error that the model is told.

    `references` name what was cut out of a long output; the tool `output_read` reads it. `note`: what a person said.
    `calls`: how many calls of other tools it made; they have entries in the journal of their own.
    """

    ok: bool
    output: Json = None
    error: ToolError | None = None
    references: tuple[str, ...] = ()
    note: str = ""
    calls: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return `{"ok": true, "output"}` or `{"ok": false, "error": {"code", "message", "final", "details"}}`.

        With an output that was cut come its `references`, and `note` where there is one.
        """
        return {**self._outcome(), "note": self.note} if self.note else self._outcome()

    def _outcome(self) -> dict[str, Any]:
        if self.error is None:
            whole = {"references": list(self.references)} if self.references else {}
            return {"ok": True, "output": self.output, **whole}
        error = self.error
        shown = {"code": error.code, "message": error.message, "final": error.final}
        return {"ok": False, "error": {**shown, "details": dict(error.details)} if error.details else shown}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ToolResult":
        """Return what `as_json` was given."""
        note = value.get("note", "")
        if value["ok"]:
            return cls(ok=True, output=value["output"], references=tuple(value.get("references", ())), note=note)
        error = value["error"]
        told = ToolError(error["code"], error["message"], error["final"], error.get("details", {}))
        return cls(ok=False, error=told, note=note)


@dataclass(frozen=True, slots=True)
class ToolInfo:
    """What the API and a planner may know of a tool. `parameters` and `returns` are JSON schemas.

    `implicit`: agents are offered it when they have a use for it, or when a role or a template names it.
    """

    name: str
    description: str
    category: str
    parameters: Mapping[str, Any]
    dangerous: bool
    idempotent: bool
    needs_network: bool
    timeout_seconds: float
    implicit: bool = False
    requires_approval: bool = False
    calls_per_minute: int | None = None
    cache_seconds: int = 0
    returns: Mapping[str, Any] = field(default_factory=dict)
    cost_usd: float | None = 0.0

    @property
    def source(self) -> str:
        """What registered it: `builtin`, or the first part of a tenant's tool's name, for example `mcp`."""
        kind, is_tenants, _ = self.name.partition("__")
        return kind if is_tenants else "builtin"
