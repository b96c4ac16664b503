"""`WasmerRuntime`, in files named for what they do."""

from sandbox.runtimes.wasmer.runtime import WasmerRuntime

__all__ = ["WasmerRuntime"]
