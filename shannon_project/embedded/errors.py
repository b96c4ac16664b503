"""Errors of the embedded servers; each message says what to do."""

from shannon_project.foundation.errors import ShannonError


class EmbeddedServerError(ShannonError):
    """An embedded server cannot be used."""

    code = "EMBEDDED_SERVER"
    http_status = 503


class PostgresNotStarted(EmbeddedServerError):
    """The embedded Postgres did not start."""

    code = "POSTGRES_NOT_STARTED"


class ValkeyNotStarted(EmbeddedServerError):
    """The embedded Valkey did not start."""

    code = "VALKEY_NOT_STARTED"


class ValkeyPortTaken(ValkeyNotStarted):
    """Another program took the port of the embedded Valkey before it did; the next start chooses another."""

    code = "VALKEY_PORT_TAKEN"
