"""ASGI entry point of the gateway process, which asks models for web.

Only web talks to it, with a token made of `SHANNON_SECRET_KEY`; it must not be reachable for others.
"""

import os

import django

from shannon_project.foundation.memory import memory_thrift

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shannon_project.settings")
# numpy's library of linear algebra would start a thread for each core; vectors here are short.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
memory_thrift()
django.setup()

from agents.asgi import application as _gateway  # noqa: E402 - models need Django set up
from shannon_project.foundation.tracing import tracing_start  # noqa: E402 - as above
from shannon_project.foundation.tracing.requests import requests_traced  # noqa: E402 - as above
from shannon_project.secret import secret_key_check  # noqa: E402 - as above

secret_key_check()

tracing_start("gateway")
application = requests_traced(_gateway)

__all__ = ["application"]
