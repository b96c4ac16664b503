"""Step kinds by name."""

from orchestration.engine.kinds.agent import AgentKind
from orchestration.engine.kinds.base import KindExecutor, Work
from orchestration.engine.kinds.decide import DecideKind
from orchestration.engine.kinds.noop import NoopKind
from orchestration.engine.kinds.plan import PlanKind
from orchestration.engine.kinds.review import ReviewKind
from orchestration.engine.kinds.synthesize import SynthesizeKind
from orchestration.engine.kinds.tool import ToolKind
from orchestration.types import StepKind

KINDS: dict[StepKind, KindExecutor] = {
    kind.kind: kind
    for kind in (PlanKind(), AgentKind(), DecideKind(), SynthesizeKind(), ToolKind(), NoopKind(), ReviewKind())
}

__all__ = ["KINDS", "KindExecutor", "Work"]
