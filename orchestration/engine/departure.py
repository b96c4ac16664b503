"""How a worker process leaves: in time, and with nothing claimed left behind."""

import os
import threading
import time
from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from orchestration.engine.lease import KEEPER, leases_hand_back
from orchestration.engine.stopping import STOPPING

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 0.1


def departure_begin() -> None:
    """Begin to leave. The process ends by itself when its work has ended, or when its time is over.

    Returns at once and takes no lock: it is called in a signal's handler.
    """
    STOPPING.begin()
    threading.Thread(target=_leave_in_time, name="departure", daemon=True).start()


def _leave_in_time() -> None:
    """Wait for the process to end; when its time is over, hand back what is left and end it."""
    log.info("worker_stopping", grace_seconds=settings.SHANNON_SHUTDOWN_GRACE_SECONDS, steps=len(KEEPER.held()))
    ends_at_seconds = time.monotonic() + settings.SHANNON_SHUTDOWN_GRACE_SECONDS
    while time.monotonic() < ends_at_seconds:
        threading.Event().wait(LOOK_SECONDS)
    handed_back = leftover_hand_back()
    log.warning("worker_stopped_at_work", steps=handed_back, hung_threads=KEEPER.hung_threads())
    os._exit(0)  # threads that are in a call would keep the process for as long as that takes


def leftover_hand_back() -> int:
    """Hand back the steps that are still in a call, to be gone on with from their journals; returns how many."""
    left = KEEPER.held()
    for lease in left:
        lease.is_superseded = True
    try:
        if left:
            leases_hand_back(left)
    except (DatabaseError, InterfaceError) as error:
        log.warning("leases_lapse", error=str(error))  # the database is away: they lapse by themselves
    finally:
        connection.close()
    return len(left)
