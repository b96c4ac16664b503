"""Postgres: one pool of connections per process, so that threads that wait for a model hold none."""

from typing import Any

import dj_database_url

from shannon_project.settings.env import ENV

_DEFAULT: dict[str, Any] = dict(dj_database_url.parse(ENV.database_url, conn_max_age=0))
_DEFAULT["OPTIONS"] = {
    **_DEFAULT.get("OPTIONS", {}),
    "options": " ".join(
        [
            str(_DEFAULT.get("OPTIONS", {}).get("options", "")),
            # A process that stands still in a transaction must not lock its task for ever.
            f"-c idle_in_transaction_session_timeout={round(ENV.database_transaction_idle_seconds * 1000)}",
        ]
    ).strip(),
    "prepare_threshold": 1,  # for `prepared_cursor` alone: Django's own cursors put values into the text
    # A server that vanished without a word is noticed in 60 s instead of after hours.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "pool": {
        "min_size": 1,
        "max_size": ENV.database_pool_max_connections,
        "timeout": ENV.database_pool_timeout_seconds,
        "max_idle": 60.0,
    },
}
_DEFAULT["ENGINE"] = "shannon_project.foundation.postgres"
_DEFAULT["CONN_HEALTH_CHECKS"] = False  # our backend sees a connection's end without asking
DATABASES = {"default": _DEFAULT}
SHANNON_DATABASE_TRANSACTION_IDLE_SECONDS = ENV.database_transaction_idle_seconds
SHANNON_DATABASE_PREPARES = ENV.database_prepares
