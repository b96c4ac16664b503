"""What people are asked, and what they say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

BUDGET_CONTINUE: Final = "budget.continue"
"""The action of the question whether it may go on although most of a budget is used."""


class AskedBy(StrEnum):
    """What made a step wait for a person."""

    POLICY = "policy"  # a Rego policy said `require_approval`
    TOOL = "tool"  # the tool is marked so, or the tool itself asks
    REQUEST = "request"  # whoever submitted the task wanted it
    BUDGET = "budget"  # most of a budget is used
    OUTCOME_UNKNOWN = "outcome_unknown"  # an effect may have happened and must not simply be repeated


@dataclass(frozen=True, slots=True)
class ApprovalAsk:
    """What a person is asked.

    Attributes:
        action: What would be done, for example `tool.call`; at most 64 characters.
        subject: What the question is about, as JSON. A step that is run again must ask about the same.
        message: The question, one sentence for a person.
        requested_by: What made the step ask.
        context: More for the person to see; bounded when it is stored.
        modifiable: Keys that the decision's `modified_action` may have; empty: it can only be approved or denied.
        timeout_seconds: How long to wait, above 0; None: `SHANNON_APPROVAL_TIMEOUT_SECONDS`.
        approve_by_default: The verdict when nobody decides in time.
    """

    action: str
    subject: Mapping[str, Any]
    message: str
    requested_by: AskedBy
    context: Mapping[str, Any] = field(default_factory=dict)
    modifiable: tuple[str, ...] = ()
    timeout_seconds: float | None = None
    approve_by_default: bool = False


@dataclass(frozen=True, slots=True)
class ApprovalAnswer:
    """What a person said, or what holds because nobody did in time (`expired`).

    `modified_action` has values that replace those of the subject; None: nothing was changed.
    """

    approval_id: UUID
    approved: bool
    decided_by: str
    feedback: str = ""
    modified_action: Mapping[str, Any] | None = None
    expired: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return JSON values from which `from_json` makes the same answer."""
        return {
            "approval_id": str(self.approval_id),
            "approved": self.approved,
            "decided_by": self.decided_by,
            "feedback": self.feedback,
            "modified_action": None if self.modified_action is None else dict(self.modified_action),
            "expired": self.expired,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ApprovalAnswer":
        """Return what `as_json` was given."""
        return cls(**{**value, "approval_id": UUID(value["approval_id"])})
