"""What a server refuses to start with."""

import os
import subprocess
import sys

import pytest

from shannon_project.settings.env import BASE_DIR


@pytest.mark.parametrize(
    ("variables", "starts"),
    [
        ({"SHANNON_SECRET_KEY": ""}, False),
        ({"SHANNON_SECRET_KEY": "", "SHANNON_DEBUG": "true"}, True),
        ({"SHANNON_SECRET_KEY": "a-key-of-ones-own"}, True),
    ],
)
def test_web_starts_with_a_key_of_its_own_or_not_at_all(variables: dict[str, str], starts: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import shannon_project.asgi"],
        cwd=BASE_DIR, env={**os.environ, "SHANNON_DEBUG": "false", **variables}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode == 0) is starts, done.stderr
    if not starts:
        assert "ImproperlyConfigured: SHANNON_SECRET_KEY is not set" in done.stderr
