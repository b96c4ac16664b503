"""Taking turns: locks of the database that stand for no row."""

from shannon_project.foundation.database import prepared_cursor


def advisory_lock_take(lock_class: int, key: str) -> None:
    """Wait until nobody else holds this lock, and hold it until the end of the transaction that is open.

    Args:
        lock_class: Which rule takes turns, 32 bits; each has its own.
        key: Whose turn it is: a tenant, a path. Two keys of one hash wait for each other, which is never wrong.

    In a pipelined transaction it does not wait for the answer: the statements that follow come after it all the same.
    """
    with prepared_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s::int, hashtext(%s))", [lock_class, key])
