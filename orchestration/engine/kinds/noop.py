"""A step that asks nobody for anything: it measures what the engine itself costs."""

from typing import ClassVar

from orchestration.engine.kinds.base import KindExecutor, Work, text_output
from orchestration.types import StepKind, StepOutcome
from policy.services import authorize
from policy.types import Action, Amount, Charge, Purchase


class NoopKind(KindExecutor):
    """Is authorised, journaled and paid for like a model call that takes no time and one token."""

    kind: ClassVar[StepKind] = StepKind.NOOP
    announces_start: ClassVar[bool] = False
    only_computes: ClassVar[bool] = True

    def charges(self, work: Work) -> tuple[Charge, ...]:
        """One token."""
        return (
            Charge(
                tenant_id=work.ctx.principal.tenant_id,
                step_id=work.ctx.step_id,
                position=0,
                budgets=work.ctx.budgets,
                amount=Amount(tokens=1),
                purchase=Purchase(
                    user_id=work.ctx.principal.user_id, task_id=work.ctx.task_id, model="noop", prompt_tokens=1
                ),
            ),
        )

    def execute(self, work: Work) -> StepOutcome:
        """Decide, note, end."""
        resource = {"model": "noop", "provider": "noop", "tier": "small", "purpose": "agent", "max_output_tokens": 1}
        authorize(principal=work.ctx.principal, action=Action.MODEL_CALL, resource=resource)
        work.journal.note("noop", work.step.key, {"title": work.step.title}, {"done": True})
        size = work.step.input.get("output_bytes", 0)
        return StepOutcome(output=text_output("x" * size) if size else {"done": True})
