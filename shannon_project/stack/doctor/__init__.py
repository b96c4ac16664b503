"""What is wrong with this installation, and what to do: one check a function, each with a stable id."""

from shannon_project.stack.doctor.base import CheckResult, Verdict
from shannon_project.stack.doctor.checks import CHECKS, examine

__all__ = ["CHECKS", "CheckResult", "Verdict", "examine"]
