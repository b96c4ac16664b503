"""Logs and metrics."""

from shannon_project.foundation.logs import logging_config
from shannon_project.settings.env import ENV

LOGGING = logging_config(level=ENV.log_level, json_lines=ENV.log_json)
PROMETHEUS_EXPORT_MIGRATIONS = False  # the export asks the database at start; readiness does that better
