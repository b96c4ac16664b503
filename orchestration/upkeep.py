"""What is done again and again so that nothing stays lying: by beat, and by every worker in case beat is away."""

from collections.abc import Callable
from typing import Final

from django.db import InterfaceError, OperationalError

from orchestration.aftermath import aftermath_ring
from orchestration.engine.recover import recover
from orchestration.schedules.firing import due_fire, queued_start

PARTS: Final[tuple[Callable[[], object], ...]] = (recover, due_fire, queued_start, aftermath_ring)


def upkeep() -> None:
    """Recover, start what schedules owe, see to what tasks left. Any process may, at any time, several at once too.

    Raises:
        ExceptionGroup: Parts that broke; the others had their turn all the same.
        OperationalError, InterfaceError: The database is away, so there is nothing for the rest to do.
    """
    broken: list[Exception] = []
    for part in PARTS:
        try:
            part()
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - raised below, when the others had their turn
            broken.append(error)
    if broken:
        raise ExceptionGroup("upkeep broke", broken)
