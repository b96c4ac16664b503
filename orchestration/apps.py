"""App configuration."""

from django.apps import AppConfig
from django.conf import settings

from shannon_project.foundation.failpoints import failpoints_arm


class OrchestrationConfig(AppConfig):
    """The orchestration app."""

    name = "orchestration"

    def ready(self) -> None:
        """Arm the failpoints of a test of faults; there are none otherwise."""
        failpoints_arm(settings.SHANNON_FAILPOINTS)
