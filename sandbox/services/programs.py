"""Programs that call tools, a stretch at a time: on Monty what its subset of Python can run, on CPython all else."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import structlog
from django.conf import settings
from django.utils.module_loading import import_string

from sandbox import guests
from sandbox.errors import ProgramDiverged, SandboxRequestInvalid
from sandbox.host.process import HostCannot
from sandbox.program_types import ProgramCall, ProgramStretch, ProgramTurn
from sandbox.runtimes.base import Runtime, RunUnsupported
from sandbox.services.execution import execute, run_apart
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome
from shannon_project.foundation.strict_json import json_read

log = structlog.get_logger(__name__)
_START: Final = (Path(guests.__file__).parent / "program_start.py").read_text(encoding="utf-8")
_STRETCH_FILE: Final = "stretch.json"
_TURN_FILE: Final = "turn.json"
_STATE_FILE: Final = "state"
MONTY: Final = "monty"
PYTHON: Final = "python"


def program_run(stretch: ProgramStretch) -> ProgramTurn:
    """Run a program to its next call, or to its end. No sandbox host is held between two stretches.

    Raises:
        SandboxRequestInvalid: The program is too long (the caller's fault).
        ProgramDiverged: Run again from its beginning, it asks for something else than before (its own fault).
        SandboxBusy, SandboxUnavailable: As for `execute`; retryable.
    """
    size_bytes = len(stretch.code.encode("utf-8", "replace"))
    if size_bytes > settings.SHANNON_SANDBOX_CODE_MAX_BYTES:
        limit = settings.SHANNON_SANDBOX_CODE_MAX_BYTES
        raise SandboxRequestInvalid(f"`code` has {size_bytes} bytes; at most {limit} are allowed.")
    runtime = program_runtime()
    turn = None
    if runtime is not None and stretch.lane != PYTHON:
        turn = _on_monty(stretch, runtime)
    return turn or _on_python(stretch)


def program_runtime() -> type[Runtime] | None:
    """Return the runtime that can pause a program; None where there is none."""
    if not settings.SHANNON_SANDBOX_PROGRAM_RUNTIME:
        return None
    runtime: type[Runtime] = import_string(settings.SHANNON_SANDBOX_PROGRAM_RUNTIME)
    return None if runtime.problems() else runtime


def _on_monty(stretch: ProgramStretch, runtime: type[Runtime]) -> ProgramTurn | None:
    """Return where the stretch led; None: another interpreter must run the program."""
    answers = stretch.answers[-1:] if stretch.state else stretch.answers
    files = {_STRETCH_FILE: _asked(stretch, answers)}
    if stretch.state:
        files[_STATE_FILE] = stretch.state
    request = ExecutionRequest("program", stretch.code, files=files, limits=stretch.limits)
    try:
        result = run_apart(request, stretch.limits, runtime)
    except (HostCannot, RunUnsupported) as error:
        log.info("sandbox_program_to_cpython", reason=str(error))
        return None
    return _turn(result, MONTY)


def _on_python(stretch: ProgramStretch) -> ProgramTurn:
    files = {_STRETCH_FILE: _asked(stretch, stretch.answers, code=stretch.code)}
    return _turn(execute(ExecutionRequest("python", _START, files=files, limits=stretch.limits)), PYTHON)


def _asked(stretch: ProgramStretch, answers: tuple[Any, ...], **more: Any) -> bytes:
    asked = {
        "tools": list(stretch.tools),
        "answers": [answer.as_json() for answer in answers],
        "now_seconds": stretch.now_seconds,
        "seed": stretch.seed,
        **more,
    }
    return json.dumps(asked).encode()


def _turn(result: ExecutionResult, lane: str) -> ProgramTurn:
    """Return where a run led, believing nothing of what it left but its form."""
    ended = ProgramTurn(
        call=None,
        state=result.files_changed.get(_STATE_FILE, b"") if lane == MONTY else b"",
        stdout=result.stdout,
        value=None,
        error="",
        outcome=result.outcome,
        message=result.message,
        lane=lane,
        seconds=result.resources.wall_seconds,
    )
    if result.outcome is not Outcome.OK:
        return replace(ended, error=result.stderr if result.outcome is Outcome.FAILED else "")
    try:
        turn = json_read(result.files_changed[_TURN_FILE])
        call = None if turn["call"] is None else ProgramCall.from_json(turn["call"])
        value, error, diverged = turn.get("value"), str(turn.get("error", "")), turn.get("diverged")
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return replace(ended, outcome=Outcome.FAILED, message="The program broke the way back to its caller.")
    if diverged is not None:
        raise ProgramDiverged(details={"call": diverged})
    return replace(ended, call=call, value=value, error=error)
