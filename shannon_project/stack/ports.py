"""TCP ports of this machine: which are free, and which of them another stack has chosen and does not listen on yet.

Between a choice and the first `listen` lie seconds, in which another stack would find the same port free. So a port is
chosen under a name of the machine (an abstract Unix socket, which the kernel frees with its process), and the stack's
supervisor keeps another name of it for as long as the stack lives.
"""

import socket
from types import TracebackType
from typing import Self

_TRIES = 100


def free_port(wanted: int) -> int:
    """Return a TCP port of 127.0.0.1 that is free now: the wanted one if it is, otherwise any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections of a stopped stack do not matter
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PortChoice:
    """Ports that nobody else chooses before the end of the block; whoever listens on them is started within it."""

    def __init__(self) -> None:
        """Choose nothing yet."""
        self._names: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        for name in self._names:
            name.close()
        self._names.clear()

    def take(self, wanted: int) -> int:
        """Return a port of 127.0.0.1 that is free and that no stack has chosen: the wanted one if it is, else any.

        Raises:
            OSError: None was found.
        """
        for candidate in (wanted, *[0] * _TRIES):
            port = free_port(candidate)
            if self._choose(port):
                return port
        raise OSError(f"No free TCP port was found in {_TRIES} tries.")

    def _choose(self, port: int) -> bool:
        """Take the name under which the port is chosen, and look whether a stack keeps it, or listens by now."""
        name = _named(f"shannon-port-{port}-chosen")
        if name is None:
            return False
        kept = _named(_kept(port))
        is_ours = kept is not None and free_port(port) == port
        if kept is not None:
            kept.close()
        if is_ours:
            self._names.append(name)
        else:
            name.close()
        return is_ours


def port_keep(port: int) -> socket.socket | None:
    """Keep a port from others until the returned socket is closed; None: somebody keeps it already."""
    return _named(_kept(port))


def _kept(port: int) -> str:
    return f"shannon-port-{port}-kept"


def _named(name: str) -> socket.socket | None:
    """Return a socket that has a name of its own on this machine; None: another one has it."""
    named = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        named.bind(f"\0{name}")
    except OSError:
        named.close()
        return None
    return named
