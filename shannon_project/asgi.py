"""ASGI entry point for uvicorn."""

import os

from django.core.asgi import get_asgi_application

from shannon_project.secret import secret_key_check

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shannon_project.settings")

secret_key_check()

application = get_asgi_application()
