"""App configuration."""

from django.apps import AppConfig


class OrchestrationConfig(AppConfig):
    """The orchestration app."""

    name = "orchestration"
