"""Inserting the row of something that a caller names."""

from uuid import UUID

from django.db import models, transaction


def row_inserted(row: models.Model) -> UUID:
    """Insert a row with a UUID as its key, and return that; a constraint that forbids it does not spoil a transaction.

    Raises:
        IntegrityError: A constraint forbids it.
    """
    with transaction.atomic():
        row.save(force_insert=True)
    row_id: UUID = row.pk
    return row_id
