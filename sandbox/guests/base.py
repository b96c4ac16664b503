"""What a WASI guest is: a module, what it finds around it, and how it takes a program."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

ROOT = "/workspace"  # where a program finds its files
READY = b"\x06"  # what the start program of a guest writes when it waits for a program


class GuestMissing(Exception):
    """The installed guest has no module."""


class GuestAltered(Exception):
    """The installed guest is not the pinned one."""


@dataclass(frozen=True, slots=True)
class WasiGuest:
    """One guest.

    Attributes:
        key: What it is called in caches: a name, or a module's hash.
        module: Returns the module; not called while a loaded one is kept.
        files: Returns guest path → contents of what it needs to run.
        arguments: What it finds in its `argv` behind its name.
        environment: What it finds in its environment at start.
        waits: True when it starts without a program, says `READY`, and takes the program on its standard input.
        exports: For a guest that carries files which serve better outside: how to get them out.
        outside: For a guest that can make calls outside: returns what makes it able to, from the mark of such calls and
            the program's own input, since its standard input brings the answers; None: it cannot.
        own_files: Names that the start program leaves in the working directory.
    """

    key: str
    module: Callable[[], bytes]
    files: Callable[[], dict[str, bytes]] = dict
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    waits: bool = True
    exports: "GuestExport | None" = None
    outside: Callable[[str, bytes], bytes] | None = None
    own_files: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class GuestExport:
    """Files that a guest carries inside: how to get them out, once per machine.

    Attributes:
        version: What module and files come from.
        arguments: What makes the guest write them.
        path: The guest path that it writes them to.
        folder: The absolute guest path where it finds them afterwards.
        files: Returns guest path → contents, all in `folder`, from what it wrote.
    """

    version: str
    arguments: tuple[str, ...]
    path: str
    folder: str
    files: Callable[[bytes], dict[str, bytes]]
