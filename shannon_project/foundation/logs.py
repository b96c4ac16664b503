"""Structured logs: one JSON object a line, with the task and step that the line is about, and its trace."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from shannon_project.foundation.tracing import log_ids


class AddressesWithoutQuery(logging.Filter):
    """Cuts the query off addresses: a browser's key is in it, and uvicorn logs the address of each WebSocket."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without the queries."""
        if isinstance(record.args, tuple):
            record.args = tuple(_without_query(value) for value in record.args)
        return True


def _without_query(value: object) -> object:
    return value.partition("?")[0] if isinstance(value, str) and value.startswith("/") else value


def logging_config(*, level: str, json_lines: bool) -> dict[str, Any]:
    """Return a `logging.config.dictConfig` dict that renders stdlib and structlog records alike.

    Args:
        level: Name of the lowest level that is written.
        json_lines: True for JSON lines, False for a coloured console.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        log_ids,
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
        "filters": {"addresses": {"()": AddressesWithoutQuery}},
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
            "uvicorn.error": {"filters": ["addresses"]},
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
