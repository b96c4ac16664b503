"""Values of code mode: a program that calls tools, run one stretch at a time. Free of Django, like `sandbox.types`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.types import Outcome, SandboxLimits


@dataclass(frozen=True, slots=True)
class ProgramCall:
    """A call that a program made: `tools.<name>(*args, **kwargs)`, all of it JSON."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return `{"name", "args", "kwargs"}`."""
        return {"name": self.name, "args": list(self.args), "kwargs": dict(self.kwargs)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ProgramCall":
        """Return what `as_json` was given."""
        return cls(str(value["name"]), tuple(value["args"]), dict(value["kwargs"]))


@dataclass(frozen=True, slots=True)
class ProgramAnswer:
    """What came of a call: a JSON value, or the message of the error that it raises in the program."""

    call: ProgramCall
    value: Any = None
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return `{"call", "value", "error"}`."""
        return {"call": self.call.as_json(), "value": self.value, "error": self.error}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ProgramAnswer":
        """Return what `as_json` was given."""
        return cls(ProgramCall.from_json(value["call"]), value["value"], str(value["error"]))


@dataclass(frozen=True, slots=True)
class ProgramStretch:
    """A stretch to run: from a state, or from the beginning, to the next call or the program's end.

    Attributes:
        code: The program.
        tools: Names that it may call.
        answers: What came of all its calls so far, in order. Those behind `state` are given to it again as it asks.
        state: The interpreter as it stood at the last of these calls, before it had its answer; empty: not kept.
        lane: Where the stretch before ran; empty: there is none before.
        now_seconds: The program's clock, which stands still: seconds since 1970, the same in every stretch.
        seed: Of the program's random numbers, likewise.
        limits: Of this stretch.
    """

    code: str
    tools: tuple[str, ...]
    answers: tuple[ProgramAnswer, ...]
    state: bytes
    lane: str
    now_seconds: float
    seed: int
    limits: SandboxLimits


@dataclass(frozen=True, slots=True)
class ProgramTurn:
    """Where a stretch led.

    Attributes:
        call: What the program asks for; None: it has ended.
        state: The interpreter at that call, to go on from; empty: the lane keeps none, it starts from the beginning.
        stdout: What the stretch printed; of the lane `python`, what the program printed from its beginning on.
        value: The JSON value of the program's last expression, once it has ended.
        error: The traceback of what ended it; empty: it came to its end.
        outcome: How the stretch ended; OK also where it pauses.
        message: Which limit ended it; empty without.
        lane: `monty` or `python`.
        seconds: Time that it took.
    """

    call: ProgramCall | None
    state: bytes
    stdout: str
    value: Any
    error: str
    outcome: Outcome
    message: str
    lane: str
    seconds: float
