"""What a process does about its memory."""

import sys

import pytest

from shannon_project.foundation.memory import memory_thrift, memory_trim


@pytest.mark.parametrize("platform", [sys.platform, "darwin"])
def test_it_is_asked_of_glibc_and_nowhere_else(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    memory_thrift()
    memory_trim()
