"""Free TCP ports of this machine."""

import socket


def free_port(wanted: int) -> int:
    """Return a TCP port of 127.0.0.1 that is free now: the wanted one if it is, otherwise any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections of a stopped stack do not matter
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
