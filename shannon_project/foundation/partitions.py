"""Tables that are partitioned by month: what was made in a month lies together and is dropped together.

The key of such a table is either a date (the first of the month) or a UUIDv7, whose first 48 bits are the time. A
default partition takes what fits in no month, so that a month that nobody made in time refuses no row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from uuid import UUID

import structlog
from django.db import OperationalError, connection, transaction
from psycopg import sql

from shannon_project.foundation.locks import advisory_lock_take

log = structlog.get_logger(__name__)

LOCK_CLASS = 0x4D4F_4E54  # "MONT"
LOCK_TIMEOUT_MILLISECONDS = 2_000  # a busy table is not held up for longer; the next pass tries again


class MonthKey(StrEnum):
    """What the partition key is."""

    DATE = "date"
    UUID7 = "uuid7"


@dataclass(frozen=True, slots=True)
class MonthTable:
    """A table that is partitioned by month, and the column that says which."""

    name: str
    column: str
    key: MonthKey

    def partition(self, month: date) -> str:
        """Return the name of a month's partition."""
        return f"{self.name}_y{month:%Y}m{month:%m}"

    @property
    def default_partition(self) -> str:
        """The partition of what fits in no other."""
        return f"{self.name}_default"

    def bound(self, month: date) -> str:
        """Return the least key of a month, as text."""
        if self.key is MonthKey.DATE:
            return month.isoformat()
        return str(uuid7_floor(month))


def uuid7_floor(month: date) -> UUID:
    """Return a UUID that is less than every UUIDv7 made since the first instant (UTC) of this day."""
    instant = datetime(month.year, month.month, month.day, tzinfo=UTC)
    return UUID(int=(int(instant.timestamp()) * 1000) << 80)


def month_of_uuid7(value: UUID) -> date:
    """Return the first of the month (UTC) in which a UUIDv7 was made."""
    made_at = datetime.fromtimestamp((value.int >> 80) / 1000, UTC)
    return date(made_at.year, made_at.month, 1)


def month_after(month: date, months: int = 1) -> date:
    """Return the first of the month that comes so many months later; a negative number goes back."""
    number = month.year * 12 + month.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def months_make(table: MonthTable, *, ahead: int, first: date | None = None) -> list[str]:
    """Make the partitions of the current month, by the database's clock, and of those `ahead`.

    What the default partition holds of such a month moves into it. Several processes may do this at once.

    Args:
        table: The table.
        ahead: Months after the current one.
        first: An earlier month to begin with; default: the current one.

    Returns:
        The names of the partitions that were made.
    """
    month, last = first or month_current(), month_after(month_current(), ahead)
    known, missing = set(month_partitions(table)), []
    while month <= last:
        if month not in known:
            missing.append(month)
        month = month_after(month)
    return [table.partition(month) for month in missing if _guarded(month_make, table, month)]


def months_drop(table: MonthTable, *, before: date) -> list[str]:
    """Drop the partitions of all months that ended before this one; returns their names."""
    old = [month for month in month_partitions(table) if month < before]
    return [table.partition(month) for month in old if _guarded(_drop, table, month)]


def month_partitions(table: MonthTable) -> Sequence[date]:
    """Return the months that have a partition, in order."""
    prefix = f"{table.name}_y"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = %s::regclass AND starts_with(c.relname, %s) ORDER BY c.relname",
            [table.name, prefix],
        )
        suffixes = [row[0].removeprefix(prefix) for row in cursor.fetchall()]
    return [date(int(suffix[:4]), int(suffix[5:7]), 1) for suffix in suffixes]


def month_current() -> date:
    """Return the first of the current month (UTC), by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT date_trunc('month', now() AT TIME ZONE 'UTC')::date")
        month: date = cursor.fetchone()[0]
        return month


def _guarded(change: Callable[[MonthTable, date], bool], table: MonthTable, month: date) -> bool:
    """Make a change that locks the table for a moment; where somebody else holds it, give up until the next pass."""
    try:
        with transaction.atomic():
            _execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT_MILLISECONDS)))
            return change(table, month)
    except OperationalError as error:
        log.warning("partition_not_changed", partition=table.partition(month), error=str(error))
        return False


def month_make(table: MonthTable, month: date) -> bool:
    """Make one partition beside the table and attach it: readers and writers of other months go on meanwhile.

    Runs in the caller's transaction. Returns False when the month has its partition already.
    """
    advisory_lock_take(LOCK_CLASS, table.name)
    if month in month_partitions(table):
        return False
    names = {
        "parent": sql.Identifier(table.name),
        "child": sql.Identifier(table.partition(month)),
        "rest": sql.Identifier(table.default_partition),
        "column": sql.Identifier(table.column),
        "first": sql.Literal(table.bound(month)),
        "end": sql.Literal(table.bound(month_after(month))),
    }
    _execute(
        sql.SQL(
            "CREATE TABLE {child} (LIKE {parent} INCLUDING ALL EXCLUDING IDENTITY);"
            "WITH late AS (DELETE FROM {rest} WHERE {column} >= {first} AND {column} < {end} RETURNING *)"
            " INSERT INTO {child} SELECT * FROM late;"
            "ALTER TABLE {parent} ATTACH PARTITION {child} FOR VALUES FROM ({first}) TO ({end})"
        ).format(**names)
    )
    return True


def _drop(table: MonthTable, month: date) -> bool:
    _execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(table.partition(month))))
    return True


def _execute(statement: sql.Composed) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(cursor.connection))
