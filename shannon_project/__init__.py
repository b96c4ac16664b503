"""Wiring and ground floor of the platform."""

from shannon_project.celery import celery_app
from shannon_project.foundation.importing import imported_without

# Here, because here nobody has imported them yet. They would take up what is installed for others, for tracebacks in
# colour and for metrics that nobody asks them for: 9 MB of each process.
with imported_without("rich", "opentelemetry.sdk.metrics"):
    import redis  # noqa: F401 - only to be the first who does
    import structlog  # noqa: F401 - as above

__all__ = ["celery_app"]
