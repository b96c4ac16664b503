"""A strategy: a pure function from the state of a task to what should happen next."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from orchestration.types import EventKind, StepKind, StepSpec, TaskView

Tier = Literal["small", "medium", "large"]


@dataclass(frozen=True, slots=True)
class Told:
    """An event that a strategy wants told with its move; it is written in the move's transaction, so once."""

    kind: EventKind
    message: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    agent_id: str = ""


@dataclass(frozen=True, slots=True)
class Spawn:
    """Make these steps. Keys that exist already are a defect of the strategy."""

    steps: tuple[StepSpec, ...]
    message: str = ""
    told: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True)
class Finish:
    """The task is done; `result` is its answer.

    `from_step`: key of the step whose text it is, when it is one's; else `built_on`: of those that hold what it is
    made of, where others are to build on it.
    """

    result: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    from_step: str = ""
    told: tuple[Told, ...] = ()
    built_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fail:
    """The task cannot be done; `error` is what `ShannonError.as_json()` gives."""

    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until an open step ends."""


Move = Spawn | Finish | Fail | Wait


class StrategyParameters(BaseModel):
    """What a request may set of a strategy. The schema is what the API checks, the docs list and a page can render."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tiers: dict[str, Tier] = Field(
        default_factory=dict, description="Model tier by part of the strategy; a part that is not named has its own."
    )

    @classmethod
    def of(cls, view: TaskView) -> Self:
        """Return the task's parameters; they were checked when it was submitted."""
        return cls.model_validate(view.parameters.get("strategy") or {})


class Strategy(ABC):
    """Reads steps' outcomes and nothing else: no clock, no random, no I/O."""

    name: ClassVar[str]
    summary: ClassVar[str]
    """What it does, in one sentence."""
    use_when: ClassVar[str] = ""
    """When to choose it, in one sentence; empty: not offered to requests."""
    reads_output_of: ClassVar[frozenset[StepKind]]
    """Kinds of steps whose outputs `next` looks at; others come without, so that wide runs stay small in memory."""
    parameters: ClassVar[type[StrategyParameters]] = StrategyParameters
    parts: ClassVar[Mapping[str, Tier | None]] = {}
    """Its parts that ask models, each with the tier that it takes by default; None: the role's."""
    needs_tokens: ClassVar[int] = 0
    """With less than this left in the budgets it is not begun; `degrades_to` is taken instead."""
    degrades_to: ClassVar[str] = ""
    plan_keys: ClassVar[frozenset[str]] = frozenset()
    """Keys of its steps that plan; with some, a person may review the plan before anything of it begins."""
    remembers: ClassVar[bool] = False
    """Whether the step whose text is the answer remembers it by itself; else that is done after the task's end."""

    def tokens_needed(self, parameters: Mapping[str, Any]) -> int:  # noqa: ARG002 - most need the same with any
        """Return what must be left in the budgets for it to begin with these parameters."""
        return self.needs_tokens

    def cheaper(self, parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the strategy that is taken where too little is left, and its parameters; an empty name: none.

        Tiers go along; those of parts that the other strategy has not are dropped by who asks.
        """
        tiers = parameters.get("tiers")
        return self.degrades_to, {"tiers": dict(tiers)} if tiers else {}

    @abstractmethod
    def next(self, view: TaskView) -> Move:
        """Return what should happen next."""
