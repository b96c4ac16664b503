"""ASGI entry point of the gateway process, which asks models for web.

Only web talks to it, with a token made of `SHANNON_SECRET_KEY`; it must not be reachable for others.
"""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shannon_project.settings")
django.setup()

from agents.asgi import application as _gateway  # noqa: E402 - models need Django set up
from shannon_project.foundation.tracing import tracing_start  # noqa: E402 - as above
from shannon_project.foundation.tracing.requests import requests_traced  # noqa: E402 - as above
from shannon_project.secret import secret_key_check  # noqa: E402 - as above

secret_key_check()

tracing_start("gateway")
application = requests_traced(_gateway)

__all__ = ["application"]
