"""Planning: a model splits a request into subtasks."""

from agents.planning.drafts import PlanDraft, PlanRequest, plan_draft

__all__ = ["PlanDraft", "PlanRequest", "plan_draft"]
