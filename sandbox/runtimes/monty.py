"""`MontyRuntime`: stretches of programs that call tools, on `pydantic-monty`. The only file that imports it.

Monty is an interpreter for a subset of Python that stops at every call to the outside and can be dumped there: a few
kilobytes, from which another process goes on. It runs in a process of its own, which its library starts. So that
process is started before this host is confined, inherits every wall but the refusal of `execve`, and is never started
again: a host that has lost it ends, and the supervisor has another one.

One run is one stretch (`sandbox.program_types`): `code` is the program, the file `stretch.json` says where to go on,
`state` is the interpreter there. It leaves `turn.json`, and `state` again when the program waits for an answer.
"""

import json
import sysconfig
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sandbox.program_types import ProgramAnswer, ProgramCall
from sandbox.runtimes.base import OnCall, Runtime, RuntimeBroken, RuntimeProblem, RunUnsupported, nobody_answers
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, Resources, SandboxLimits

if TYPE_CHECKING:
    import pydantic_monty as monty

STRETCH_FILE: Final = "stretch.json"
TURN_FILE: Final = "turn.json"
STATE_FILE: Final = "state"
_SCRIPT: Final = "program.py"
_BRIDGE: Final = "_tool_call"
_GRACE_SECONDS: Final = 0.1  # after which the interpreter's process is killed, if it has not stopped by itself
_SUSPENSIONS_MAX: Final = 10_000  # of one stretch: names that are looked up, calls that are answered again
_TIME_LIMITS: Final = ("feed time limit", "turn time limit")
_MEMORY_LIMIT: Final = "memory limit"


class MontyRuntime(Runtime):
    """Runs one stretch of a program: no files, no network, no environment, a clock that stands still.

    What Monty's subset of Python does not know, and every error that would end a program, is `RunUnsupported`: CPython
    decides then, from the program's beginning and with the same answers.
    """

    name = "monty"
    guests = frozenset({"program"})
    starts_process = True

    def __init__(self, *, cache_dir: Path) -> None:
        """See `Runtime`."""
        super().__init__(cache_dir=cache_dir)
        self._pool: monty.Monty | None = None

    @classmethod
    def preload(cls, *, cache_dir: Path) -> None:  # noqa: ARG003 - see `Runtime.preload`
        """See `Runtime`."""
        import pydantic_monty  # noqa: F401, PLC0415 - only a sandbox host should map it

    def start(self) -> None:
        """Start the interpreter's process, while this host still may."""
        import pydantic_monty as monty  # noqa: PLC0415 - only a sandbox host should map it

        self._pool = monty.Monty(
            binary_path=_binary(),
            min_processes=1,
            max_processes=1,
            checkout_timeout=5.0,
            feed_duration_limit_grace=_GRACE_SECONDS,
            turn_duration_limit_grace=_GRACE_SECONDS,
        )
        self._pool.__enter__()
        with self._pool.checkout() as session:
            session.feed_run("0")

    def warm(self, *, guest: str, limits: SandboxLimits) -> None:  # noqa: ARG002 - there is one guest
        """See `Runtime`; `start` has done it."""
        if self._pool is None:
            raise RuntimeBroken("the interpreter's process was not started")

    def execute(
        self,
        request: ExecutionRequest,
        *,
        on_running: Callable[[], None],
        on_ended: Callable[[], None],
        on_call: OnCall = nobody_answers,  # noqa: ARG002 - a call of the program ends its stretch
    ) -> ExecutionResult:
        """See `Runtime`."""
        import pydantic_monty as monty  # noqa: PLC0415 - see above

        if request.limits is None or self._pool is None:
            raise RuntimeBroken("a stretch without limits, or before the interpreter was started")
        stretch = _Stretch(request, json.loads(request.files[STRETCH_FILE]), _Printed(request.limits.output_bytes))
        on_running()
        started_at = time.monotonic()
        outcome, message = Outcome.OK, ""
        try:
            with self._pool.checkout(
                script_name=_SCRIPT, limits=stretch.monty_limits(), os_policy=stretch.os_policy()
            ) as session:
                files = stretch.run(session)
            if stretch.printed.is_cut:
                outcome, message = Outcome.OUTPUT_EXCEEDED, _printed_too_much(request.limits)
        except monty.MontyCrashedError as error:
            self.spent = True  # its process is gone, and this host may not start another
            files = {}
            outcome = Outcome.TIMEOUT if getattr(error, "timed_out", False) else Outcome.CRASHED
            message = _message_of(outcome, request.limits)
        except monty.MontyError as error:
            files, outcome = {}, _limit_hit(error)
            message = _message_of(outcome, request.limits)
        seconds = time.monotonic() - started_at
        on_ended()
        return _result(outcome, message, stretch.printed.text(), files, seconds)

    @classmethod
    def problems(cls) -> list[RuntimeProblem]:
        """See `Runtime`."""
        if not Path(_binary()).is_file():
            hint = "Install pydantic-monty; without it every program that calls tools runs on CPython."
            return [RuntimeProblem("missing", "pydantic-monty is not installed.", hint)]
        return []


@dataclass(slots=True)
class _Printed:
    """What a stretch prints, up to a size."""

    max_bytes: int
    parts: list[str] = field(default_factory=list)
    size_bytes: int = 0
    is_cut: bool = False

    def __call__(self, _stream: str, text: str) -> None:
        room = self.max_bytes - self.size_bytes
        encoded = text.encode("utf-8", "replace")
        if len(encoded) > room:
            self.is_cut = True
            encoded = encoded[: max(room, 0)]
        self.size_bytes += len(encoded)
        self.parts.append(encoded.decode("utf-8", "ignore"))

    def text(self) -> str:
        return "".join(self.parts)


@dataclass(slots=True)
class _Stretch:
    """One stretch: the program goes on until it wants something that is not known yet."""

    request: ExecutionRequest
    asked: dict[str, Any]
    printed: _Printed

    def monty_limits(self) -> "monty.ResourceLimits":
        limits = self.request.limits or SandboxLimits()
        return {
            "max_feed_duration_secs": limits.wall_seconds,
            "max_memory": limits.memory_bytes,
            "max_suspensions": _SUSPENSIONS_MAX,
            "max_total_sleep_secs": 0.0,
        }

    def os_policy(self) -> "monty.OSPolicy":
        return {
            "datetime": datetime.fromtimestamp(self.asked["now_seconds"], UTC).replace(tzinfo=None),
            "timezone": "utc",
            "sleep": "zero",
            "random_start": {"seed": self.asked["seed"]},
        }

    def run(self, session: "monty.MontySession") -> dict[str, bytes]:
        """Return the files that the stretch leaves."""
        import pydantic_monty as monty  # noqa: PLC0415 - see above

        answers = [ProgramAnswer.from_json(answer) for answer in self.asked["answers"]]
        state = self.request.files.get(STATE_FILE)
        snapshot: monty.SyncSnapshot
        if state:
            snapshot = session.load_snapshot(state, print_callback=self.printed)
        else:
            session.feed_run(_bridge(self.asked["tools"]))
            snapshot = session.feed_start(self.request.code, print_callback=self.printed)
        while not isinstance(snapshot, monty.MontyComplete):
            if isinstance(snapshot, monty.NameLookupSnapshot):
                snapshot = snapshot.resume()  # a name that the program has not: its NameError
                continue
            if not isinstance(snapshot, monty.FunctionSnapshot):
                raise RunUnsupported("it awaits something that never comes")
            if snapshot.is_os_function:
                snapshot = snapshot.resume_not_handled()
                continue
            call = _call_of(snapshot)
            if isinstance(call, Exception):
                snapshot = snapshot.resume({"exception": call})
            elif answers:
                snapshot = snapshot.resume(_answer(answers.pop(0), call))
            else:
                return {TURN_FILE: _json({"call": call.as_json()}), STATE_FILE: snapshot.dump()}
        return {TURN_FILE: _json({"call": None, "value": _value(snapshot.output)})}


def _bridge(tools: list[str]) -> str:
    """Return the source of `tools`: the subset has no `__getattr__`, so each tool is a method."""
    methods = "\n".join(
        f"    def {name}(self, *args, **kwargs):\n        return {_BRIDGE}({name!r}, list(args), kwargs)"
        for name in tools
    )
    return f"class _Tools:\n{methods or '    pass'}\ntools = _Tools()\n"


def _call_of(snapshot: "monty.FunctionSnapshot") -> ProgramCall | Exception:
    """Return the call that the program waits for, or the error that it gets at once."""
    if snapshot.function_name != _BRIDGE:
        return NameError(f"name {str(snapshot.function_name)[:100]!r} is not defined")
    try:
        name, args, kwargs = json.loads(json.dumps(list(snapshot.args), allow_nan=False))
        return ProgramCall(str(name), tuple(args), dict(kwargs))
    except (TypeError, ValueError, RecursionError) as error:
        return TypeError(f"what a tool is called with must be JSON: {str(error)[:200]}")


def _answer(answer: ProgramAnswer, call: ProgramCall) -> Any:
    if answer.call != call:
        raise RunUnsupported("it asks for something else than before")
    return {"exception": RuntimeError(answer.error)} if answer.error else {"return_value": answer.value}


def _value(output: Any) -> Any:
    """Return a program's value as JSON; what is none is shown as Python would."""
    try:
        return json.loads(json.dumps(output, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return repr(output)[:10_000]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _limit_hit(error: "monty.MontyError") -> Outcome:
    """Return which limit ended the program; any other end is CPython's to judge."""
    cause = error.exception()
    if isinstance(cause, TimeoutError) and str(cause).startswith(_TIME_LIMITS):
        return Outcome.TIMEOUT
    if isinstance(cause, MemoryError) and _MEMORY_LIMIT in str(cause):
        return Outcome.MEMORY_EXCEEDED
    raise RunUnsupported(str(error)[:200]) from error


def _message_of(outcome: Outcome, limits: SandboxLimits) -> str:
    return {
        Outcome.TIMEOUT: f"The program was stopped: it ran longer than its {limits.wall_seconds:g} s.",
        Outcome.MEMORY_EXCEEDED: f"The program asked for more memory than its {limits.memory_bytes} bytes.",
    }.get(outcome, "The program ended its interpreter.")


def _printed_too_much(limits: SandboxLimits) -> str:
    return f"The program printed more than {limits.output_bytes} bytes."


def _binary() -> str:
    return str(Path(sysconfig.get_path("scripts")) / "monty")


def _result(outcome: Outcome, message: str, stdout: str, files: dict[str, bytes], seconds: float) -> ExecutionResult:
    limit = {
        Outcome.TIMEOUT: "wall_seconds",
        Outcome.MEMORY_EXCEEDED: "memory_bytes",
        Outcome.OUTPUT_EXCEEDED: "output_bytes",
    }.get(outcome, "")
    return ExecutionResult(
        outcome=outcome,
        exit_code=0 if outcome is Outcome.OK else None,
        stdout=stdout,
        stderr="",
        stdout_truncated=outcome is Outcome.OUTPUT_EXCEEDED,
        stderr_truncated=False,
        files_changed=files if outcome is Outcome.OK else {},
        files_deleted=(),
        limit_hit=limit,
        resources=Resources(wall_seconds=round(seconds, 6), output_bytes=len(stdout.encode())),
        runtime=MontyRuntime.name,
        message=message,
    )
