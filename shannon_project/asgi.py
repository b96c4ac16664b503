"""ASGI entry point for uvicorn."""

import os

import django
from django.utils.module_loading import import_string

from shannon_project.foundation.memory import memory_loaded, memory_thrift
from shannon_project.foundation.serving import OneThreadHandler
from shannon_project.foundation.tracing import tracing_start
from shannon_project.foundation.tracing.requests import requests_traced
from shannon_project.secret import secret_key_check

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shannon_project.settings")

secret_key_check()
memory_thrift()

with memory_loaded():
    django.setup()
    _django = OneThreadHandler()
    # imported by name, because they need the models, and they are there only now
    _with_mcp = import_string("orchestration.api.mcp.mount.McpMount")(_django)
    _with_sockets = import_string("orchestration.api.websocket.WebSocketMount")(_with_mcp)
    _with_door = import_string("orchestration.api.openai.door.OpenAiDoor")(_with_sockets)
tracing_start("web")
application = requests_traced(_with_door)
