"""Postgres and Valkey from wheels, for a machine that has none."""

from shannon_project.embedded.errors import (
    EmbeddedServerError,
    LocalModelMissing,
    LocalModelNotStarted,
    PostgresNotStarted,
    ValkeyNotStarted,
    ValkeyPortTaken,
)
from shannon_project.embedded.postgres import EmbeddedPostgres
from shannon_project.embedded.valkey import EmbeddedValkey

__all__ = [
    "EmbeddedPostgres",
    "EmbeddedServerError",
    "EmbeddedValkey",
    "LocalModelMissing",
    "LocalModelNotStarted",
    "PostgresNotStarted",
    "ValkeyNotStarted",
    "ValkeyPortTaken",
]
