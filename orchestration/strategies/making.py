"""Making steps: what a step's kind reads of its input, in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestration.strategies.base import Strategy, StrategyParameters, Tier
from orchestration.types import OnDependencyFailure, StepKind, StepSpec


@dataclass(frozen=True, slots=True)
class StepMaker:
    """Makes the steps of one strategy; knows which tier each of its parts has."""

    strategy: type[Strategy]
    parameters: StrategyParameters
    defaults: Mapping[str, Tier] = field(default_factory=dict)
    """Tiers by part that go before the strategy's own, and after the request's."""

    def agent(self, key: str, part: str, title: str, instruction: str, **more: Any) -> StepSpec:
        """Return a step in which an agent works with tools. `more`: see `_spec`; the rest goes into the input."""
        return self._spec(key, StepKind.AGENT, part, {"instruction": instruction}, title=title, **more)

    def decide(self, key: str, part: str, title: str, form: str, instruction: str = "", **more: Any) -> StepSpec:
        """Return a step in which a model fills a form; it sees failed dependencies too."""
        given = {"form": form, "instruction": instruction}
        return self._spec(
            key, StepKind.DECIDE, part, given, title=title, **{"on_failure": OnDependencyFailure.RUN, **more}
        )

    def plan(self, key: str, part: str, title: str, **more: Any) -> StepSpec:
        """Return a step in which a model drafts a plan."""
        return self._spec(key, StepKind.PLAN, part, {}, title=title, **more)

    def synthesize(self, key: str, part: str, title: str, instruction: str, **more: Any) -> StepSpec:
        """Return a step in which results become one answer; it sees which failed and why."""
        given = {"instruction": instruction}
        more = {"on_failure": OnDependencyFailure.RUN, **more}
        return self._spec(key, StepKind.SYNTHESIZE, part, given, title=title, **more)

    def _spec(
        self,
        key: str,
        kind: StepKind,
        part: str,
        given: Mapping[str, Any],
        *,
        title: str,
        depends_on: Sequence[str] = (),
        on_failure: OnDependencyFailure = OnDependencyFailure.SKIP,
        **rest: Any,
    ) -> StepSpec:
        """Return the step; what is None is left out of its input."""
        default = self.defaults.get(part, self.strategy.parts[part])
        tiers = {"tier": self.parameters.tiers.get(part), "default_tier": default}
        wanted = {**given, **tiers, **rest}
        return StepSpec(
            key=key,
            kind=kind,
            title=title,
            input={name: value for name, value in wanted.items() if value is not None},
            depends_on=tuple(depends_on),
            on_dependency_failure=on_failure,
        )


def numbered(items: Sequence[str]) -> str:
    """Return the items as a numbered list."""
    return "\n".join(f"{number}. {item}" for number, item in enumerate(items, start=1))
