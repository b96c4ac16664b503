"""Whether the books agree: what each budget has spent is the sum of the ledger, what it reserves is what is held."""

from collections.abc import Mapping
from typing import Any

import structlog
from django.db import connection

from policy.metrics import LEDGER_DIFFERENCES
from policy.services import budget_statements as sql

log = structlog.get_logger(__name__)
SHOWN_MAX = 100


def ledger_check() -> list[Mapping[str, Any]]:
    """Return the budgets whose balances differ from their ledger or reservations, at most 100; tell log and metric.

    One statement reads all of the ledger: for a job that runs now and then.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql.DIFFERENCES, {"limit": SHOWN_MAX})
        names = [column.name for column in cursor.description or ()]
        differences = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    LEDGER_DIFFERENCES.set(len(differences))
    for difference in differences:
        log.error("ledger_differs", **{name: str(value) for name, value in difference.items()})
    return list(differences)
