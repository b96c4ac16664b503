"""What policies are asked, what they say, and what is written down of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """What a policy decides about."""

    TASK_SUBMIT = "task.submit"
    MODEL_CALL = "model.call"
    TOOL_CALL = "tool.call"


class Verdict(StrEnum):
    """A policy's answer."""

    ALLOW = "allow"
    DENY = "deny"
    REQUIRE_APPROVAL = "require_approval"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its reason.

    Attributes:
        verdict: Allow, deny or require approval.
        reason: One sentence for a person; for an allow, which rules allowed it.
        rule: `<policy>.<kind>` of the rule that decided, for example `tool_call.deny`.
        obligations: Limits that come with an allow, for example `{"max_output_tokens": 4096}`.
        policy_versions: Version of every policy that was asked, by name.
    """

    verdict: Verdict
    reason: str
    rule: str
    obligations: Mapping[str, Any] = field(default_factory=dict)
    policy_versions: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_allowed(self) -> bool:
        """True only for a plain allow."""
        return self.verdict is Verdict.ALLOW

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "verdict": str(self.verdict),
            "rule": self.rule,
            "reason": self.reason,
            "obligations": dict(self.obligations),
            "policy_versions": dict(self.policy_versions),
        }


class AuditOutcome(StrEnum):
    """How something ended that is written to the audit log."""

    ALLOWED = "allowed"
    DENIED = "denied"
    APPROVAL_REQUIRED = "approval_required"
    CHANGED = "changed"
