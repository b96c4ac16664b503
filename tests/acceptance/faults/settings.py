"""The platform's settings with a tool that counts outside, and times that make a death cheap to wait for."""

from shannon_project.settings import *
from shannon_project.settings.agents import SHANNON_TOOLS as _BUILT_IN

SHANNON_TOOLS = [
    *_BUILT_IN,
    "tests.acceptance.faults.counting_tool.CountingTool",
    "tests.acceptance.faults.counting_tool.HangingTool",
]
SHANNON_CALL_GRACE_SECONDS = 1.0
SHANNON_DOORBELL_LOST_SECONDS = 1.5
SHANNON_MODEL_RETRY_BASE_SECONDS = 0.1
SHANNON_STEP_MAX_ATTEMPTS = 50  # a random run kills many workers; what kills them here is never the step
