"""A strategy: a pure function from the state of a task to what should happen next."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from orchestration.types import StepKind, StepSpec, TaskView


@dataclass(frozen=True, slots=True)
class Spawn:
    """Make these steps. Keys that exist already are a defect of the strategy."""

    steps: tuple[StepSpec, ...]
    message: str = ""


@dataclass(frozen=True, slots=True)
class Finish:
    """The task is done; `result` is its answer."""

    result: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fail:
    """The task cannot be done; `error` is what `ShannonError.as_json()` gives."""

    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until an open step ends."""


Move = Spawn | Finish | Fail | Wait


class Strategy(ABC):
    """Reads steps' outcomes and nothing else: no clock, no random, no I/O."""

    name: ClassVar[str]
    reads_output_of: ClassVar[frozenset[StepKind]]
    """Kinds of steps whose outputs `next` looks at; others come without, so that wide runs stay small in memory."""

    @abstractmethod
    def next(self, view: TaskView) -> Move:
        """Return what should happen next."""
