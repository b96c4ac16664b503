"""Inserting a row of a model by a statement of fixed text: planned once, and nobody waits for its answer."""

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from django.db import connection, models
from django.db.backends.utils import CursorWrapper
from django.db.models.expressions import DatabaseDefault

from shannon_project.foundation.database import prepared_cursor, when_answered

Computed = Mapping[str, tuple[str, Any]]
"""Of fields that the database computes: an expression with one placeholder, and its value."""


def row_insert(row: models.Model, *, computed: Computed | None = None, ignores_conflict: bool = False) -> None:
    """Insert a new row. The ORM would compile the statement anew each time, and wait for what the database fills in.

    What it fills in (columns with a database's default that are not set) is read when the answer is there anyway, in a
    pipelined transaction after the commit; until then those fields say that they are defaults. No signals are sent.

    Args:
        row: Not saved; its primary key is made by its default.
        computed: Expressions of ours for columns. Their text must not vary.
        ignores_conflict: A row that is there already stays as it is.
    """
    computed = computed or {}
    fields = [
        field
        for field in row._meta.concrete_fields
        if field.attname not in computed and not isinstance(getattr(row, field.attname), DatabaseDefault)
    ]
    expressions = tuple((name, text) for name, (text, _) in computed.items())
    statement, filled = _statement(type(row), tuple(field.attname for field in fields), expressions, ignores_conflict)
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields]
    cursor = prepared_cursor()
    cursor.execute(statement, [*values, *(value for _, value in computed.values())])
    row._state.adding, row._state.db = False, connection.alias
    when_answered(partial(_fill, row, filled, cursor))


@cache
def _statement(
    model: type[models.Model], given: tuple[str, ...], expressions: tuple[tuple[str, str], ...], ignores_conflict: bool
) -> tuple[str, tuple[str, ...]]:
    """Return the statement, and the fields that it returns."""
    quote, columns = (
        connection.ops.quote_name,
        {field.attname: str(field.column) for field in model._meta.concrete_fields},
    )
    filled = tuple(name for name in columns if name not in given and name not in dict(expressions))
    names = ", ".join(quote(columns[name]) for name in (*given, *dict(expressions)))
    values = ", ".join(["%s"] * len(given) + [text for _, text in expressions])
    conflict = " ON CONFLICT DO NOTHING" if ignores_conflict else ""
    returning = f" RETURNING {', '.join(quote(columns[name]) for name in filled)}" if filled else ""
    return f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({values}){conflict}{returning}", filled  # noqa: S608 - names of our own models


def _fill(row: models.Model, filled: tuple[str, ...], cursor: CursorWrapper) -> None:
    with cursor:
        found = cursor.fetchone() if filled else None
    for name, value in zip(filled, found or (), strict=False):
        setattr(row, name, value)
