"""The write that closes an effect: what was done, and paid for, outlives a database that is away for a moment."""

import threading
import time
from collections.abc import Callable
from typing import Final

import structlog
from django.db import InterfaceError, InternalError, OperationalError, connection

from shannon_project.foundation.database import connection_release

log = structlog.get_logger(__name__)

RETRY_SECONDS: Final = 0.25
PATIENCE_SECONDS: Final = 20.0  # a restart of Postgres takes less; each try proves the lease anew


def write_patiently(write: Callable[[bool], None]) -> None:
    """Run a transaction, again while the database cannot be reached, for up to 20 s.

    Args:
        write: The transaction. Told whether an earlier try may have committed: a connection can be lost between the
            commit and the word of it.

    Raises:
        OperationalError, InterfaceError, InternalError: The database stayed away, or a transaction of the
            caller is open, which no try of ours can mend.
    """
    patience_end = time.monotonic() + PATIENCE_SECONDS
    may_be_written = False
    while True:
        try:
            return write(may_be_written)
        except (OperationalError, InterfaceError, InternalError) as error:  # the last: we stood still in a transaction
            if connection.in_atomic_block or time.monotonic() > patience_end:
                raise
            log.warning("journal_write_retried", error=str(error))
        may_be_written = True
        connection_release()  # a broken one is not used again
        threading.Event().wait(RETRY_SECONDS)
