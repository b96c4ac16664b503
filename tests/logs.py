"""What was logged, read where every logger writes: one that was used before keeps the processors that it had then."""

from collections.abc import Mapping
from typing import Any

import pytest


def logged(caplog: pytest.LogCaptureFixture, logger: str) -> list[Mapping[str, Any]]:
    """Return the entries that a logger of this name has written during the test's call, with their fields."""
    return [record.msg for record in caplog.records if record.name == logger and isinstance(record.msg, Mapping)]
