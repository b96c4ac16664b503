"""App configuration."""

from django.apps import AppConfig


class OrchestrationConfig(AppConfig):
    """The orchestration app."""

    name = "orchestration"

    def ready(self) -> None:
        """Connect to the worker's life cycle; in other processes its signals never fire."""
        from orchestration import worker  # noqa: F401, PLC0415 - models must be loaded first
