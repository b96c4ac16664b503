"""App configuration."""

from django.apps import AppConfig
from django.core import checks

from sandbox.checks import folders_check, memory_check, runtime_check, storage_check, walls_check


class SandboxConfig(AppConfig):
    """The sandbox app."""

    name = "sandbox"

    def ready(self) -> None:
        """Register the system checks."""
        for check in (runtime_check, folders_check, storage_check, memory_check, walls_check):
            checks.register(check, "sandbox")
