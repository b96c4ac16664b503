"""ASGI entry point for uvicorn."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured

from shannon_project.settings.core import INSECURE_SECRET_KEY

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shannon_project.settings")

# Commands may do without a key; a server may not: anyone who read the repository could sign an admin's session.
if settings.SECRET_KEY == INSECURE_SECRET_KEY and not settings.DEBUG:
    raise ImproperlyConfigured(
        "SHANNON_SECRET_KEY is not set, so this server would sign admin sessions with a key that is in the repository. "
        "Set it to a long random text, the same for every web process, for example the output of: "
        'python -c "import secrets; print(secrets.token_urlsafe(48))". `make up` makes one by itself.'
    )

application = get_asgi_application()
