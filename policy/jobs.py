"""Jobs of the policy app: the books are closed behind those who died, and looked through."""

from celery import shared_task
from django.conf import settings

from policy.services import ledger_check, reservations_expire


@shared_task(name="policy.jobs.expire_reservations", ignore_result=True)
def expire_reservations() -> None:
    """Charge reservations of which nobody will tell the end any more."""
    reservations_expire(
        older_than_seconds=settings.SHANNON_RESERVATION_MAX_SECONDS, limit=settings.SHANNON_RESERVATIONS_EXPIRED_AT_ONCE
    )


@shared_task(name="policy.jobs.check_ledger", ignore_result=True)
def check_ledger() -> None:
    """Compare every budget with its ledger."""
    ledger_check()
