"""Clients of the broker for what is asked of it beside messages."""

from typing import Final

import redis

CONNECTIONS_MAX: Final = 10_000  # as many as threads that ask at the same moment; the driver's 100 fail the others


def valkey_client(url: str, *, connect_timeout_seconds: float, timeout_seconds: float) -> "redis.Redis":
    """Return a client with a pool of connections of its own; it makes a connection when none is free.

    Args:
        url: Where the server is.
        connect_timeout_seconds: How long a connection may take.
        timeout_seconds: How long an answer may take.
    """
    return redis.Redis.from_url(
        url,
        max_connections=CONNECTIONS_MAX,
        socket_connect_timeout=connect_timeout_seconds,
        socket_timeout=timeout_seconds,
    )
