"""What a server refuses to start with, and what it starts with behind a proxy with TLS."""

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


@pytest.mark.parametrize(("https", "expected"), [("true", "True True 31536000"), ("false", "False False 0")])
def test_cookies_stay_on_https_where_people_come_by_https(https: str, expected: str) -> None:
    told = "s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS"
    done = subprocess.run(
        [sys.executable, "-c", f"from shannon_project import settings as s; print({told})"],
        cwd=BASE_DIR, env={**os.environ, "SHANNON_HTTPS": https}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == expected
