"""What every runtime offers. Free of Django: runtimes live in the sandbox host."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from sandbox.types import ExecutionRequest, ExecutionResult, SandboxLimits

OnCall = Callable[[str, Any], dict[str, Any]]  # name and arguments → `{"value": …}` or `{"error": text}`


class RuntimeBroken(Exception):
    """The runtime itself failed, not the program; the host that has it should be replaced."""


class RunUnsupported(Exception):
    """This runtime cannot run this program, and found it out only now; another one may run it from its beginning."""


def nobody_answers(name: str, arguments: Any) -> dict[str, Any]:  # noqa: ARG001
    """Refuse a call outside: for runs without any."""
    return {"error": f"there is no call {name!r}"}


def _nobody_told(result: ExecutionResult) -> None:
    raise RuntimeBroken(f"a guest was given up outside of a sandbox host: {result.message}")


@dataclass(frozen=True, slots=True)
class RuntimeProblem:
    """Why a runtime would not work on this machine, and what to do.

    `key` is stable: `missing` (a package or file is not there) or `altered` (it is not the pinned one).
    """

    key: str
    message: str
    hint: str


class Runtime(ABC):
    """Runs untrusted programs under limits, one at a time.

    A runtime with `needs_host` is made and used only inside a sandbox host, never in a worker's process.
    """

    name: ClassVar[str]
    guests: ClassVar[frozenset[str]]
    needs_host: ClassVar[bool] = True
    meters_fuel: ClassVar[bool] = False  # whether it takes a request with `limits.fuel`
    ends_with_files: ClassVar[bool] = False  # whether a guest's files are at hand when it ends, so that nothing is long
    environment: ClassVar[Mapping[str, str]] = {}  # what its libraries are to find in the environment of its process
    calls_outside: ClassVar[frozenset[str]] = frozenset()  # guests that take a request with `limits.network_hosts`
    starts_process: ClassVar[bool] = False  # whether `start` starts a process, which later nothing in a host may

    def __init__(self, *, cache_dir: Path) -> None:
        """Make a runtime; cheap, loads nothing.

        Args:
            cache_dir: Where compiled modules are kept between processes; exists and is private to the user.
        """
        self.cache_dir = cache_dir
        self.spent = (
            False  # True: a given-up guest may still be running here, so this process must not serve another run
        )
        # Told of a guest that was given up, from another thread than that of `execute`, which will never return: says
        # the result and ends the process. For runtimes that cannot leave the thread of `execute` before the guest does.
        self.on_given_up: Callable[[ExecutionResult], None] = _nobody_told

    @classmethod
    def preload(cls, *, cache_dir: Path) -> None:
        """Load what every host of this runtime needs, in the process that they are forked from. Most share nothing.

        No thread may be left, and nothing may be loaded that a run could change. A later change of the cache must still
        be seen, so that what is not there yet is left to the hosts.

        Args:
            cache_dir: As for a runtime.
        """
        del cache_dir

    def start(self) -> None:  # noqa: B027 - most runtimes start nothing
        """Start what may not be started once the host is confined; called once, before its first frame.

        What is started here is confined like the host, but for the refusal of new processes.
        """

    @abstractmethod
    def warm(self, *, guest: str, limits: SandboxLimits) -> None:
        """Compile and load a guest for these limits, so that the next run need not.

        Raises:
            RuntimeBroken: The guest cannot be loaded: the installation's fault.
        """

    @abstractmethod
    def execute(
        self,
        request: ExecutionRequest,
        *,
        on_running: Callable[[], None],
        on_ended: Callable[[], None],
        on_call: OnCall = nobody_answers,
    ) -> ExecutionResult:
        """Run one program and return how it ended; everything that the program does is an `Outcome`.

        Args:
            request: What to run; `request.limits` is set.
            on_running: Called once, when the guest is loaded and the wall clock starts.
            on_ended: Called once, when the guest has ended or is given up, before its files are looked at.
            on_call: Called for each call outside that the guest makes, from any thread, one at a time; blocks until it
                is answered.

        Raises:
            RuntimeBroken: The runtime's fault, not the program's.
            RunUnsupported: Nobody's fault: the program needs what this runtime does not offer.
        """

    def prepare(self) -> None:  # noqa: B027 - most runtimes have nothing to prepare
        """Do what the next run can find done; called when a result has been delivered. Must not block."""

    @classmethod
    def problems(cls) -> list[RuntimeProblem]:
        """Return why this runtime would not work here; empty when it would."""
        return []

    @classmethod
    def is_cached(cls, cache_dir: Path) -> bool:  # noqa: ARG003 - for those that cache
        """Return whether loading a guest is quick, because what takes long was done on this machine before."""
        return True
