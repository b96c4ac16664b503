"""Reading what the sandbox keeps."""

from uuid import UUID

from sandbox.errors import ModuleNotFound
from sandbox.models import WasmModule


def modules_of(*, tenant_id: UUID) -> list[WasmModule]:
    """Return a tenant's modules by name, without their bytes."""
    return list(WasmModule.objects.defer("content").filter(tenant_id=tenant_id).order_by("name"))


def module_for(*, tenant_id: UUID, name: str) -> WasmModule:
    """Return one module of a tenant, without its bytes.

    Raises:
        ModuleNotFound: The tenant has no module of that name.
    """
    module = WasmModule.objects.defer("content").filter(tenant_id=tenant_id, name=name).first()
    if module is None:
        raise ModuleNotFound(details={"name": name[:64]})
    return module
