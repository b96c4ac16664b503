"""A program that calls tools, from one call to the next. Nothing of it is lost when its worker dies.

The journal holds a note for each stretch that the program ran, with where its interpreter stood, and an effect for each
call that it made. So a step that is run again reads both, comes to the last stretch that was finished, and goes on from
there: no call is made twice, and no stretch is run twice that was noted with a state.
"""

import base64
import json
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import SystemRandom
from typing import Any, Final

from django.conf import settings

from agents.context import Emit, StepContext
from agents.journal import EffectDraft, Journal, bounded_json, bounded_text
from agents.metrics import TOOL_CALLS
from agents.tools.code.naming import ToolSignature, arguments_of
from agents.tools.long_output import output_shown
from agents.types import ToolError, ToolResult
from sandbox.program_types import ProgramAnswer, ProgramCall, ProgramStretch, ProgramTurn
from sandbox.services import limits_default, program_run
from sandbox.types import Outcome, SandboxLimits
from shannon_project.foundation.database import connection_release
from shannon_project.foundation.errors import InvalidInput

CODE_TOOL: Final = "code"
_KIND: Final = "program"
_EVENT_MAX_BYTES: Final = 16 * 1024
_STDOUT_CHARACTERS: Final = 16_000
_ERROR_CHARACTERS: Final = 4_000
_MIN_SECONDS: Final = 0.1
_chance = SystemRandom()

Call = Callable[[str, Mapping[str, Any]], ToolResult]


def program_drive(
    ctx: StepContext, journal: Journal, code: str, *, signatures: Callable[[], Sequence[ToolSignature]], call: Call
) -> ToolResult:
    """Run a program to its end and return what the model is told: `{"stdout", "value", "calls"}`, or why it failed.

    Args:
        ctx: The step.
        journal: The step's journal; the program's stretches and calls take its next positions.
        code: The program.
        signatures: Finds the tools that it may call; asked once, the answer is kept in the journal.
        call: Calls a tool as the agent itself would.

    Raises:
        SandboxBusy, SandboxUnavailable: The step may be tried again.
        ShannonError: What `call` raises because the step must not go on.
    """
    begun = journal.observe(
        _KIND,
        "begin",
        lambda: {
            "now_seconds": time.time(),
            "seed": _chance.randrange(2**31),
            "tools": [signature.as_json() for signature in signatures()],
        },
    )
    tools = {tool["function"]: ToolSignature(**tool) for tool in begun["tools"]}
    program = _Program(ctx, journal, code, tools, call, now_seconds=begun["now_seconds"], seed=begun["seed"])
    return program.run()


@dataclass(slots=True)
class _Program:
    ctx: StepContext
    journal: Journal
    code: str
    tools: Mapping[str, ToolSignature]
    call: Call
    now_seconds: float
    seed: int
    answers: list[ProgramAnswer] = field(default_factory=list)
    state: bytes = b""
    lane: str = ""
    stdout: str = ""
    seconds: float = 0.0
    calls: int = 0

    def run(self) -> ToolResult:
        while True:
            turn = self._stretch()
            if isinstance(turn, ToolError):
                return self._ended(ToolResult(ok=False, error=turn))
            if turn.call is None:
                return self._ended(self._result(turn))
            if len(self.answers) >= settings.SHANNON_CODE_CALLS_MAX:  # also those that were refused
                message = f"The program was stopped: it may make {settings.SHANNON_CODE_CALLS_MAX} calls."
                return self._ended(self._failed("CODE_CALLS_EXCEEDED", message))
            if self.seconds >= settings.SHANNON_CODE_SECONDS:
                message = f"The program was stopped: it worked longer than its {settings.SHANNON_CODE_SECONDS:g} s."
                return self._ended(self._failed("SANDBOX_TIMEOUT", message))
            self.answers.append(self._answer(turn.call))

    def _stretch(self) -> ProgramTurn | ToolError:
        """Return where the next stretch leads, or led in an earlier attempt; or why it cannot be run."""
        kept: dict[str, bytes] = {}

        def look() -> dict[str, Any]:
            try:
                turn = self._run_stretch()
            except InvalidInput as error:
                return {"refused": {"code": error.code, "message": error.message, "details": error.details}}
            kept["state"] = turn.state
            size_bytes = len(json.dumps([turn.call and turn.call.as_json(), turn.value]))
            if size_bytes > settings.SHANNON_CODE_VALUE_MAX_BYTES:
                limit = settings.SHANNON_CODE_VALUE_MAX_BYTES
                message = f"A call's arguments or the program's value have {size_bytes} bytes of JSON; at most {limit}."
                return {"refused": {"code": "CODE_VALUE_TOO_LARGE", "message": message}}
            return {**_turn_json(turn), "from_beginning": not self.state or turn.lane != self.lane}

        seen = self.journal.observe(_KIND, "stretch", look)
        if "refused" in seen:
            return ToolError(seen["refused"]["code"], seen["refused"]["message"], final=False, details=self._so_far())
        turn = _turn_from(seen)
        self.stdout = turn.stdout if seen["from_beginning"] else self.stdout + turn.stdout
        self.seconds += turn.seconds
        self.lane, self.state = turn.lane, kept.get("state", turn.state)
        return turn

    def _run_stretch(self) -> ProgramTurn:
        stretch = ProgramStretch(
            code=self.code,
            tools=tuple(self.tools),
            answers=tuple(self.answers),
            state=self.state,
            lane=self.lane,
            now_seconds=self.now_seconds,
            seed=self.seed,
            limits=self._limits(),
        )
        self.ctx.engine.checkpoint()
        connection_release()
        with self.ctx.engine.call(2 * (stretch.limits.wait_seconds + stretch.limits.wall_seconds)):
            return program_run(stretch)

    def _limits(self) -> SandboxLimits:
        """Return what is left of the program's time, within what one run of the sandbox and the step have."""
        limits = limits_default()
        left_seconds = min(
            settings.SHANNON_CODE_SECONDS - self.seconds, self.ctx.deadline_monotonic_seconds - time.monotonic()
        )
        seconds = max(_MIN_SECONDS, min(limits.wall_seconds, left_seconds))
        return replace(limits, wall_seconds=seconds, cpu_seconds=seconds)

    def _answer(self, asked: ProgramCall) -> ProgramAnswer:
        signature = self.tools.get(asked.name)
        if signature is None:
            there_are = ", ".join(self.tools) or "none"
            return ProgramAnswer(asked, error=f"TOOL_NOT_FOUND: there is no tool {asked.name[:100]!r}, but {there_are}")
        try:
            arguments = arguments_of(asked, signature)
        except InvalidInput as error:
            return ProgramAnswer(asked, error=f"{error.code}: {error.message}")
        self.calls += 1
        result = self.call(signature.name, arguments)
        if result.error is not None:
            return ProgramAnswer(asked, error=bounded_text(f"{result.error.code}: {result.error.message}", 2_000))
        return ProgramAnswer(asked, value=result.output)

    def _result(self, turn: ProgramTurn) -> ToolResult:
        if turn.outcome not in {Outcome.OK, Outcome.FAILED}:
            return self._failed(f"SANDBOX_{turn.outcome.name}", turn.message)
        if turn.outcome is Outcome.FAILED or turn.error:
            shown = bounded_text(turn.error or turn.message, _ERROR_CHARACTERS)
            return self._failed("PROGRAM_FAILED", f"The program failed:\n{shown}")
        return ToolResult(ok=True, output={**self._so_far(), "value": turn.value})

    def _failed(self, code: str, message: str) -> ToolResult:
        return ToolResult(ok=False, error=ToolError(code, message, final=False, details=self._so_far()))

    def _so_far(self) -> dict[str, Any]:
        return {"stdout": bounded_text(self.stdout, _STDOUT_CHARACTERS), "calls": self.calls}

    def _ended(self, result: ToolResult) -> ToolResult:
        """Record the program's end, and tell who watches."""

        def shown() -> dict[str, Any]:
            output, references = output_shown(
                self.ctx.principal.tenant_id, result.output, settings.SHANNON_TOOL_OUTPUT_MAX_BYTES
            )
            return replace(result, output=output, references=references).as_json()

        def told(emit: Emit, position: int, response: dict[str, Any]) -> None:
            outcome = result.error.code if result.error else "ok"
            TOOL_CALLS.labels(tool=CODE_TOOL, outcome=outcome).inc()
            why = f"{CODE_TOOL}: {result.error.message[:200]}" if result.error else f"{CODE_TOOL} answered"
            payload = {"tool": CODE_TOOL, "position": position, "calls": self.calls, **response}
            emit("TOOL_OBSERVATION", why, bounded_json(payload, _EVENT_MAX_BYTES))

        end = EffectDraft(
            kind=_KIND,
            key="end",
            request={"calls": self.calls},
            perform=lambda _effect: shown(),
            idempotent=True,
            after=told,
        )
        response = self.journal.effect(end)
        return replace(ToolResult.from_json(response), calls=self.calls)


def _turn_json(turn: ProgramTurn) -> dict[str, Any]:
    state = base64.b64encode(zlib.compress(turn.state)).decode("ascii") if turn.state else ""
    return {
        # as text: the journal cleans values, and the program that is resumed must ask for just this again
        "call": None if turn.call is None else json.dumps(turn.call.as_json()),
        # without it, the program starts from its beginning when it is resumed, with the answers that it had
        "state": state if len(state) <= settings.SHANNON_CODE_STATE_MAX_BYTES else "",
        "stdout": turn.stdout,
        "value": turn.value,
        "error": turn.error,
        "outcome": str(turn.outcome),
        "message": turn.message,
        "lane": turn.lane,
        "seconds": turn.seconds,
    }


def _turn_from(seen: Mapping[str, Any]) -> ProgramTurn:
    return ProgramTurn(
        call=None if seen["call"] is None else _call_from(seen["call"]),
        state=zlib.decompress(base64.b64decode(seen["state"])) if seen["state"] else b"",
        stdout=seen["stdout"],
        value=seen["value"],
        error=seen["error"],
        outcome=Outcome(seen["outcome"]),
        message=seen["message"],
        lane=seen["lane"],
        seconds=seen["seconds"],
    )


def _call_from(kept: str | Mapping[str, Any]) -> ProgramCall:
    """Return a call that was noted; before November 2026 it was noted as a value."""
    return ProgramCall.from_json(json.loads(kept) if isinstance(kept, str) else kept)
