"""The object store that the settings name for workspaces. Knows no model: the system checks ask it."""

import json
from functools import cache

from django.conf import settings
from django.core.files.storage import Storage
from django.utils.module_loading import import_string


def storage_in_use() -> Storage | None:
    """Return the object store of the settings; None: workspaces lie on disk.

    Raises:
        ImportError, TypeError, django.core.exceptions.ImproperlyConfigured: The settings name none that works.
    """
    path, options = settings.SHANNON_WORKSPACE_STORAGE, settings.SHANNON_WORKSPACE_STORAGE_OPTIONS
    return _storage(path, json.dumps(options, sort_keys=True)) if path else None


@cache
def _storage(path: str, options: str) -> Storage:
    """Return one storage for all threads: those of django-storages keep a connection for each thread."""
    storage: Storage = import_string(path)(**json.loads(options))
    return storage
