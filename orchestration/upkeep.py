"""What is done again and again so that nothing stays lying: by beat, and by every worker in case beat is away."""

from orchestration.aftermath import aftermath_ring
from orchestration.engine.recover import recover
from orchestration.schedules.firing import due_fire, queued_start


def upkeep() -> None:
    """Recover, start what schedules owe, see to what tasks left. Any process may, at any time, several at once too."""
    recover()
    due_fire()
    queued_start()
    aftermath_ring()
