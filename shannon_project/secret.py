"""The secret key that servers must have."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from shannon_project.settings.core import INSECURE_SECRET_KEY


def secret_key_check() -> None:
    """Refuse to serve with a key that anyone who read the repository could sign with. Commands may do without one.

    Raises:
        ImproperlyConfigured: `SHANNON_SECRET_KEY` is not set.
    """
    if settings.SECRET_KEY == INSECURE_SECRET_KEY and not settings.DEBUG:
        raise ImproperlyConfigured(
            "SHANNON_SECRET_KEY is not set, so this server would sign admin sessions with a key that is in the "
            "repository. Set it to a long random text, the same for every web and gateway process, for example the "
            'output of: python -c "import secrets; print(secrets.token_urlsafe(48))". `make up` makes one by itself.'
        )
