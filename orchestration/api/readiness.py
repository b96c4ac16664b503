"""Is everything there that this server needs? The pool is left out: a full pool is not a missing database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import psycopg
import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

OK: Final = "ok"


@dataclass(frozen=True, slots=True)
class Readiness:
    """What each part said: `ok`, or what is wrong."""

    checks: Mapping[str, str]

    @property
    def is_ready(self) -> bool:
        """Whether this server can do its work: without a broker it still accepts, answers and streams."""
        return self.checks["database"] == OK and self.checks["migrations"] == OK

    @property
    def is_whole(self) -> bool:
        """Whether every part is well."""
        return all(said == OK for said in self.checks.values())


def readiness() -> Readiness:
    """Ask the database, its migrations and the broker; each has `SHANNON_PROBE_TIMEOUT_SECONDS` to answer."""
    database = _asked(_database)
    migrations = _asked(_migrations) if database == OK else "unknown: the database does not answer"
    return Readiness({"database": database, "migrations": migrations, "broker": _asked(_broker)})


def _asked(check: Callable[[], str]) -> str:
    try:
        return check()
    except (psycopg.Error, DatabaseError, redis.RedisError, OSError) as error:
        return f"does not answer: {type(error).__name__}"  # the message may hold an address; the log has it


def _database() -> str:
    parameters = connection.get_connection_params()
    timeout = max(2, round(settings.SHANNON_PROBE_TIMEOUT_SECONDS))  # libpq takes 1 for 2
    with psycopg.connect(**{**parameters, "connect_timeout": timeout}) as probe:
        probe.execute("SELECT 1")
    return OK


def _migrations() -> str:
    return OK if _is_migrated() else "some are not applied: run `manage.py migrate`"


def _is_migrated() -> bool:
    """Tell whether no migration is missing; once it is so, it stays so while this process lives."""
    if _migrated_once.cache_info().currsize:
        return True
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return False
    return _migrated_once()


@cache
def _migrated_once() -> bool:
    return True


def _broker() -> str:
    seconds = settings.SHANNON_PROBE_TIMEOUT_SECONDS
    with redis.Redis.from_url(
        settings.CELERY_BROKER_URL, socket_connect_timeout=seconds, socket_timeout=seconds
    ) as client:
        client.ping()
    return OK
