"""Logs, metrics and traces."""

from shannon_project.foundation.logs import logging_config
from shannon_project.settings.env import ENV

LOGGING = logging_config(level=ENV.log_level, json_lines=ENV.log_json)
PROMETHEUS_EXPORT_MIGRATIONS = False  # the export asks the database at start; readiness does that better

SHANNON_TRACES_ENDPOINT = ENV.traces_endpoint  # base address of a receiver of OTLP over HTTP; empty: traces are off
SHANNON_TRACES_SERVICE = ENV.traces_service
SHANNON_TRACES_CONTENT = ENV.traces_content  # prompts, answers and arguments of tools are in the spans
SHANNON_TRACES_CONTENT_MAX_CHARACTERS = 8_000  # of one attribute
