"""System checks: a mis-set sandbox explains itself in `manage.py check`."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's own name
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage
from django.utils.module_loading import import_string

from sandbox.runtimes.base import Runtime
from sandbox.storage import storage_in_use

_PROBLEM_IDS = {"missing": "sandbox.E002", "altered": "sandbox.E003"}
_LIBSECCOMP = "libseccomp.so.2"
_LIBRARY_FOLDERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")  # and one folder below: Debian's, by architecture
_HOST_BYTES = 300 * 1024 * 1024  # what a host takes beside its guest


def runtime_check(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    """Check that the runtime exists (E001) and would work here (E002, E003)."""
    path = settings.SHANNON_SANDBOX_RUNTIME
    hint = "Set SHANNON_SANDBOX_RUNTIME to the dotted path of a sandbox.runtimes.base.Runtime."
    try:
        runtime = import_string(path)
    except ImportError as error:
        return [Error(f"The sandbox runtime {path!r} cannot be imported: {error}.", hint=hint, id="sandbox.E001")]
    if not (isinstance(runtime, type) and issubclass(runtime, Runtime)):
        return [Error(f"{path!r} is not a sandbox runtime.", hint=hint, id="sandbox.E001")]
    tables: type[Runtime] = import_string(settings.SHANNON_SANDBOX_SQL_RUNTIME)
    problems = [*runtime.problems(), *tables.problems()]
    return [Error(problem.message, hint=problem.hint, id=_PROBLEM_IDS[problem.key]) for problem in problems]


def folders_check(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    """Check that cache (E004) and workspaces (E005) can be written, and the cache by nobody else (E006)."""
    found: list[CheckMessage] = []
    for name, check_id in (("SHANNON_SANDBOX_CACHE_DIR", "sandbox.E004"), ("SHANNON_WORKSPACE_DIR", "sandbox.E005")):
        folder = _existing(Path(getattr(settings, name)).resolve())
        if not os.access(folder, os.W_OK | os.X_OK):
            found.append(Error(f"{folder} cannot be written.", hint=f"Set {name} to a folder of yours.", id=check_id))
    cache = Path(settings.SHANNON_SANDBOX_CACHE_DIR)
    if cache.is_dir() and cache.stat().st_mode & 0o022:
        hint = f"chmod go-w {cache}"
        found.append(Error("Others can write compiled code that the sandbox would run.", hint=hint, id="sandbox.E006"))
    return found


def storage_check(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    """Check that the object store of workspaces, if the settings name one, can be made (E007). It is not asked."""
    path = settings.SHANNON_WORKSPACE_STORAGE
    try:
        storage: object = storage_in_use()
    except (ImportError, TypeError, ValueError, ImproperlyConfigured) as error:
        problem = str(error)
    else:
        if storage is None or isinstance(storage, Storage):
            return []
        problem = "it is no Django storage"
    hint = "Set SHANNON_WORKSPACE_STORAGE to a Django storage, and its OPTIONS to what that one takes."
    return [Error(f"The workspaces' storage {path!r} cannot be used: {problem}.", hint=hint, id="sandbox.E007")]


def walls_check(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    """Check that the kernel's filter of system calls can be had for the sandbox hosts (W002)."""
    places = (Path(folder) for folder in _LIBRARY_FOLDERS)
    if any([*place.glob(_LIBSECCOMP), *place.glob(f"*/{_LIBSECCOMP}")] for place in places):
        return []
    hint = "Install libseccomp (Debian: libseccomp2). Without it WebAssembly and resource limits confine a program."
    return [Warning("Sandbox hosts run without a filter of system calls.", hint=hint, id="sandbox.W002")]


def memory_check(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    """Check that a host may use the memory that its guest is allowed (W001)."""
    needed_bytes = settings.SHANNON_SANDBOX_MEMORY_BYTES + _HOST_BYTES
    if needed_bytes <= settings.SHANNON_SANDBOX_HOST_MEMORY_BYTES:
        return []
    return [
        Warning(
            "Programs will be refused memory before they reach SHANNON_SANDBOX_MEMORY_BYTES.",
            hint=f"Set SHANNON_SANDBOX_HOST_MEMORY_BYTES to at least {needed_bytes}.",
            id="sandbox.W001",
        )
    ]


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.exists())
