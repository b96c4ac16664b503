"""Which runtime takes a run: the fast lane what it can, the general runtime all else, with equal results."""

import re

from django.conf import settings
from django.utils.module_loading import import_string

from sandbox.runtimes.base import Runtime
from sandbox.types import ExecutionRequest, SandboxLimits

# What programs may ask for and the fast guest does not have: found by importing every module of the standard library
# in both guests; and links, which its file system refuses. What neither has (ctypes, lzma, …) fails alike in both.
_GENERAL_ONLY = re.compile(r"\b(bz2|symlink\w*|hardlink_to|os\.link)\b")
# The fast guest has its input as `sys.stdin` alone, not under the number or the names that the system gives it.
_INPUT_BY_NUMBER = re.compile(
    r"\b(?:open|fdopen|FileIO|p?readv?|dup2?|select|poll)\s*\(\s*\[?\s*0\b|/dev/(?:stdin|fd)|/proc/self/fd|\bfileno\b|\bSTDIN_FILENO\b"
)
_FILES_MAX_BYTES = (
    256 * 1024
)  # files travel through the fast guest's source: 1 MiB takes as long as the general runtime
_STDIN_MAX_BYTES = 256 * 1024
_MEMORY_MIN_BYTES = 64 * 1024 * 1024  # the snapshot itself has 20 MiB


def general_runtime() -> type[Runtime]:
    """Return the runtime that runs every guest."""
    runtime: type[Runtime] = import_string(settings.SHANNON_SANDBOX_RUNTIME)
    return runtime


def fast_runtime() -> type[Runtime] | None:
    """Return the fast lane's runtime; None when the settings name none, or it does not work on this Python.

    Nor is there one beside a general runtime that needs no host: that is a test's fake, which wants every run.
    """
    if not settings.SHANNON_SANDBOX_FAST_RUNTIME or not general_runtime().needs_host:
        return None
    runtime: type[Runtime] = import_string(settings.SHANNON_SANDBOX_FAST_RUNTIME)
    return None if runtime.problems() else runtime


def fast_lane_takes(request: ExecutionRequest, limits: SandboxLimits, runtime: type[Runtime]) -> bool:
    """Return whether the fast lane can run this with the result that the general runtime would give."""
    return (
        request.guest in runtime.guests
        and (not limits.network_hosts or request.guest in runtime.calls_outside)
        and limits.memory_bytes >= _MEMORY_MIN_BYTES
        and sum(map(len, request.files.values())) <= _FILES_MAX_BYTES
        and len(request.stdin) <= _STDIN_MAX_BYTES
        and _GENERAL_ONLY.search(request.code) is None
        and (not request.stdin or _INPUT_BY_NUMBER.search(request.code) is None)
    )
