"""Modules that tenants upload: checked, kept, and run."""

import hashlib
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from sandbox.errors import ModuleInvalid, ModuleTooLarge
from sandbox.guests.tenant_module import module_path, module_save
from sandbox.models import WasmModule
from sandbox.runtimes.wasm_inspect import CAPABILITIES, ModuleFacts, module_inspect
from sandbox.runtimes.wasm_module import WasmModuleInvalid
from sandbox.selectors import module_for
from sandbox.services.execution import cache_dir, execute
from sandbox.types import ExecutionRequest, ExecutionResult, SandboxLimits
from shannon_project.foundation.locks import advisory_lock_take

log = structlog.get_logger(__name__)
LOCK_CLASS: Final = 0x4D4F_4455  # "MODU"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def module_upload(
    *,
    tenant_id: UUID,
    name: str,
    content: bytes,
    sha256: str = "",
    capabilities: Collection[str] | None = None,
    description: str = "",
    actor: str = "",
) -> WasmModule:
    """Keep a module under a name; one of that name is replaced.

    Args:
        tenant_id: Whose it is.
        name: Letters, digits and `_`, at most 64, a letter first.
        content: A WASI command (preview 1) as binary WebAssembly.
        sha256: Its SHA-256 in hexadecimal as the uploader knows it; empty: not compared.
        capabilities: What it may import: `files`, `clock`, `random`; None: all of these.
        description: For models.
        actor: Who uploads it.

    Raises:
        ModuleTooLarge: It has more than `SHANNON_SANDBOX_MODULE_MAX_BYTES`, or the tenant has too many: the caller's
            fault.
        ModuleInvalid: The name, the hash, the module or what it imports is not as it must be; the message says what:
            the caller's fault.
    """
    facts = _checked(name, content, sha256, CAPABILITIES if capabilities is None else frozenset(capabilities))
    found = hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        advisory_lock_take(LOCK_CLASS, str(tenant_id))  # in turn, so that none of two passes the limit
        others = WasmModule.objects.filter(tenant_id=tenant_id).exclude(name=name).count()
        if others >= settings.SHANNON_SANDBOX_MODULES_MAX:
            raise ModuleTooLarge(
                f"A tenant may keep {settings.SHANNON_SANDBOX_MODULES_MAX} modules.", details={"modules": others}
            )
        module, _ = WasmModule.objects.update_or_create(
            tenant_id=tenant_id,
            name=name,
            defaults={
                "sha256": found,
                "size_bytes": len(content),
                "imports": sorted(facts.imports),
                "capabilities": sorted(facts.capabilities),
                "description": description,
                "content": content,
                "created_by": actor,
            },
        )
    log.info("sandbox_module_kept", name=name, tenant_id=str(tenant_id), sha256=found)
    return module


def _checked(name: str, content: bytes, sha256: str, allowed: frozenset[str]) -> ModuleFacts:
    """Return what a module is; raises as `module_upload` does."""
    if not _NAME.fullmatch(name):
        raise ModuleInvalid(f"A module's name is letters, digits and _, a letter first; not {name[:80]!r}.")
    if len(content) > settings.SHANNON_SANDBOX_MODULE_MAX_BYTES:
        raise ModuleTooLarge(details={"max_bytes": settings.SHANNON_SANDBOX_MODULE_MAX_BYTES})
    found = hashlib.sha256(content).hexdigest()
    if sha256 and sha256.lower() != found:
        raise ModuleInvalid("The module is not the one that its SHA-256 names.", details={"sha256": found})
    if unknown := sorted(allowed - CAPABILITIES):
        raise ModuleInvalid(f"There is no capability {', '.join(unknown)}; there is {', '.join(sorted(CAPABILITIES))}.")
    try:
        facts = module_inspect(content)
    except WasmModuleInvalid as error:
        raise ModuleInvalid(f"The module is refused: {error}.") from error
    if wanted := sorted(facts.capabilities - allowed):
        raise ModuleInvalid(f"The module wants {', '.join(wanted)}, which its upload does not allow it.")
    if facts.memory_bytes > settings.SHANNON_SANDBOX_MEMORY_BYTES:
        raise ModuleInvalid(
            f"The module starts with {facts.memory_bytes} bytes of memory; "
            f"allowed are {settings.SHANNON_SANDBOX_MEMORY_BYTES}."
        )
    return facts


def module_delete(*, tenant_id: UUID, name: str) -> None:
    """Forget a module. What is compiled of it stays on machines and is found by its hash only.

    Raises:
        ModuleNotFound: The tenant has no module of that name.
    """
    module_for(tenant_id=tenant_id, name=name).delete()


def module_run(
    *,
    tenant_id: UUID,
    name: str,
    arguments: tuple[str, ...] = (),
    stdin: bytes = b"",
    files: Mapping[str, bytes] | None = None,
    limits: SandboxLimits | None = None,
) -> ExecutionResult:
    """Run a tenant's module; the first run on a machine compiles it. Errors as for `execute`.

    Raises:
        ModuleNotFound: The tenant has no module of that name.
    """
    module = module_for(tenant_id=tenant_id, name=name)
    _fetch(cache_dir(), module)
    return execute(
        ExecutionRequest(
            "module",
            module_sha256=module.sha256,
            arguments=arguments,
            stdin=stdin,
            files=files or {},
            limits=limits,
        )
    )


def _fetch(cache: Path, module: WasmModule) -> None:
    """Put the module where this machine's hosts look for it, unless it is there."""
    if not module_path(cache, module.sha256).is_file():
        content = WasmModule.objects.values_list("content", flat=True).get(id=module.id)
        module_save(cache, module.sha256, bytes(content))
