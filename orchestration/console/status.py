"""How the parts of the platform are, for the start page."""

from collections.abc import Mapping
from typing import Final

import redis
import structlog
from celery import current_app
from django.conf import settings
from django.core.cache import cache
from kombu.exceptions import OperationalError as BrokerError

from orchestration.api.readiness import OK, readiness

log = structlog.get_logger(__name__)
STATUS_CACHE_SECONDS: Final = 3  # the page is public: however many people look, the workers are asked this often
WORKER_ANSWER_SECONDS: Final = 0.5
_CACHE_KEY: Final = "console-status"


def parts_status() -> dict[str, str]:
    """Return what each part says: `ok` (or how many workers there are), or what is wrong."""
    known: dict[str, str] | None = cache.get(_CACHE_KEY)
    if known is None:
        checks = readiness().checks
        known = {**checks, "workers": _workers(checks)}
        cache.set(_CACHE_KEY, known, STATUS_CACHE_SECONDS)
    return known


def _workers(checks: Mapping[str, str]) -> str:
    """Ask the workers to answer; one that is in the middle of starting does not."""
    if checks["broker"] != OK:
        return "unknown: the broker does not answer"
    try:
        answers = current_app.control.ping(timeout=WORKER_ANSWER_SECONDS)
    except (BrokerError, redis.RedisError, OSError) as error:
        log.warning("workers_not_asked", error=str(error))
        return "unknown: the broker does not answer"
    count = len(answers or [])
    return f"{OK}: {count}" if count else f"none answered within {WORKER_ANSWER_SECONDS} s"


def links() -> list[dict[str, str]]:
    """Return what the start page links to."""
    local = [
        {"title": "Admin", "address": "/admin/", "about": "Tasks, policies, budgets, keys, audit; needs a login."},
        {
            "title": "Strategies",
            "address": "/console/strategies",
            "about": "Ways to work and their parameters; a login.",
        },
        {"title": "API documentation", "address": "/docs", "about": "Every endpoint, with a form to try it."},
        {"title": "OpenAPI document", "address": "/openapi.json", "about": "The same for machines."},
        {"title": "Metrics", "address": "/metrics", "about": "For Prometheus; from allowed networks or with a key."},
        {"title": "Health", "address": "/health", "about": "Is this process alive?"},
        {"title": "Readiness", "address": "/readiness", "about": "Can it serve? Database, migrations, broker."},
    ]
    if settings.SHANNON_FLOWER_URL:
        about = "The workers and their jobs: each drainer of a fan-out is one."
        local.insert(1, {"title": "Flower", "address": settings.SHANNON_FLOWER_URL, "about": about})
    return local
