"""Structured logs: one JSON object a line, with the task and step that the line is about."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog


def logging_config(*, level: str, json_lines: bool) -> dict[str, Any]:
    """Return a `logging.config.dictConfig` dict that renders stdlib and structlog records alike.

    Args:
        level: Name of the lowest level that is written.
        json_lines: True for JSON lines, False for a coloured console.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Any = structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "uvicorn": {"handlers": [], "propagate": True},
            "uvicorn.access": {"handlers": [], "level": "WARNING", "propagate": True},
            "httpx": {"level": "WARNING"},
            "httpx2": {"level": "WARNING"},
            "mcp": {"level": "WARNING"},
            "LiteLLM": {"level": "WARNING"},
        },
    }


@contextmanager
def log_context(**values: object) -> Iterator[None]:
    """Bind values (ids as strings) to every log line written by this thread inside the block."""
    with structlog.contextvars.bound_contextvars(**{key: str(value) for key, value in values.items()}):
        yield
