"""What would become of a direct tool call, without making it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agents.errors import ToolInputInvalid
from agents.selectors import arguments_check, tool_for
from agents.types import ToolInfo
from policy.services import decision_preview
from policy.types import Action, Decision, Principal, Verdict

_DANGEROUS: Final = "tools:dangerous"
_EXECUTE: Final = "tools:execute"


@dataclass(frozen=True, slots=True)
class ToolTrial:
    """What each check of a call says. `arguments_problem` None: they fit."""

    tool: ToolInfo
    arguments_problem: str | None
    missing_scopes: list[str]
    decision: Decision

    @property
    def verdict(self) -> str:
        """What the policies say."""
        return str(self.decision.verdict)

    @property
    def reason(self) -> str:
        """Why, in one sentence."""
        return self.decision.reason

    @property
    def asks_a_person(self) -> bool:
        """Whether a person would be asked before the call is made."""
        wanted = self.tool.requires_approval or self.decision.verdict is Verdict.REQUIRE_APPROVAL
        return wanted and self.decision.verdict is not Verdict.DENY

    @property
    def would_run(self) -> bool:
        """Whether a call now would be made, perhaps after an approval."""
        fits = self.arguments_problem is None and not self.missing_scopes
        return fits and self.decision.verdict is not Verdict.DENY


def tool_try(*, principal: Principal, name: str, arguments: Mapping[str, Any]) -> ToolTrial:
    """Check a call as it would be checked, and make none: nothing runs, is paid, counted or recorded.

    Raises:
        ToolNotFound: The tenant has no such tool (the caller's fault).
    """
    tool = tool_for(name, tenant_id=principal.tenant_id)
    info = tool.info()
    problem: str | None = None
    try:
        arguments_check(tool, arguments)
    except ToolInputInvalid as error:
        problem = error.message
    needed = (_EXECUTE, *((_DANGEROUS,) if info.dangerous else ()))
    resource = {
        "name": info.name,
        "known": True,
        "arguments": dict(arguments),
        "dangerous": info.dangerous,
        "needs_network": info.needs_network,
    }
    return ToolTrial(
        tool=info,
        arguments_problem=problem,
        missing_scopes=[scope for scope in needed if not principal.has_scope(scope)],
        decision=decision_preview(principal=principal, action=Action.TOOL_CALL, resource=resource),
    )
