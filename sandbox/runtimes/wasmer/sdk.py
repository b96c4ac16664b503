"""The vendor's `wasmer-sdk`. The only file that loads it; the others of this folder import its types."""

from functools import cache
from typing import Any


@cache
def sdk() -> Any:
    """Import the SDK where it is used, in a host: workers ask a runtime only what it can run, without its 18 MB."""
    import wasmer_sdk  # noqa: PLC0415

    return wasmer_sdk
