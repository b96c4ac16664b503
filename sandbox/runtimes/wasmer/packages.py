"""Modules on their way into wasmer: with their memory capped, compiled once per machine, kept loaded."""

import contextlib
import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.guests.base import ROOT, GuestExport, WasiGuest
from sandbox.runtimes.locks import machine_lock
from sandbox.runtimes.wasm_module import PAGE_BYTES, memory_capped
from sandbox.runtimes.wasmer.image import image_save
from sandbox.runtimes.wasmer.sdk import sdk

if TYPE_CHECKING:
    from wasmer_sdk import Package, PackageDefinition, Wasmer

_PACKAGES_MAX = 8  # loaded modules that one host keeps
# What makes an image: where it changes, another image is made.
_MADE_BY = b"".join(
    (Path(__file__).parents[2] / name).read_bytes()
    for name in ("runtimes/wasmer/image.py", "runtimes/wasm_module.py", "guests/python.py")
)


class Packages:
    """The modules that one host has loaded, the last used ones."""

    def __init__(self, cache_dir: Path) -> None:
        """Take where compiled modules are kept between processes."""
        self.burning = False  # True: a tenant's module that was started only to be compiled may run on, unstoppably
        self._cache_dir = cache_dir
        self._kept: OrderedDict[tuple[str, int], Package] = OrderedDict()

    async def loaded(self, client: "Wasmer", guest: WasiGuest, memory_bytes: int) -> "Package":
        """Return a guest's package for a cap of memory; compiles it unless this machine has.

        Raises:
            WasmModuleInvalid, GuestMissing, GuestAltered, WasmerError: It cannot be loaded.
        """
        key = guest.key, memory_bytes
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if guest.exports is None:
            package = await self._from_memory(client, guest, memory_bytes)
        else:
            package = await self._from_image(client, guest, guest.exports, memory_bytes)
        self._kept[key] = package
        while len(self._kept) > _PACKAGES_MAX:
            self._kept.popitem(last=False)
        return package

    async def _from_memory(self, client: "Wasmer", guest: WasiGuest, memory_bytes: int) -> "Package":
        module = memory_capped(guest.module(), max_pages=memory_bytes // PAGE_BYTES)
        compiled = self._cache_dir / _compiled_mark(module)
        if not compiled.exists():
            with self._machine_lock(guest):
                if not compiled.exists():
                    await self._compile(client, guest, module)
            compiled.touch()
        return await client.packages.create(_definition(module, guest.files()))

    async def _from_image(
        self, client: "Wasmer", guest: WasiGuest, exports: GuestExport, memory_bytes: int
    ) -> "Package":
        """Map the guest's image; where there is none, or a damaged one, compile its module and make the image anew."""
        path = self._cache_dir / _image_name(guest.key, exports, memory_bytes)
        if package := await _mapped(client, path):
            return package
        with self._machine_lock(guest):
            if package := await _mapped(client, path):  # another process made it while this one waited
                return package
            module = memory_capped(guest.module(), max_pages=memory_bytes // PAGE_BYTES)
            exported = await self._exported(client, exports, module)
            image_save(path, module=module, files=exports.files(exported), folder=exports.folder)
        return await client.packages.load(path)

    async def _exported(self, client: "Wasmer", exports: GuestExport, module: bytes) -> bytes:
        """Have a guest write what it carries, which compiles its module into the cache."""
        package = await client.packages.create(_definition(module, {}))
        sandbox = await client.sandboxes.create(packages=[package])
        process = await sandbox.command(package, exports.arguments, cwd=ROOT).spawn(stdin="pipe")
        if process.stdin is not None:
            await process.stdin.close()
        await process.wait()
        exported = await sandbox.fs.read(exports.path)
        await sandbox.close()
        return bytes(exported)

    async def _compile(self, client: "Wasmer", guest: WasiGuest, module: bytes) -> None:
        """Start the module once, which compiles it into the cache."""
        package = await client.packages.create(_definition(module, {}))
        sandbox = await client.sandboxes.create(packages=[package])
        process = await sandbox.command(package, (), cwd=ROOT).spawn(stdin="pipe")
        if process.stdin is not None:
            await process.stdin.close()
        if not guest.waits:
            self.burning = True
            await process.kill()
        await sandbox.close()

    def _machine_lock(self, guest: WasiGuest) -> contextlib.AbstractContextManager[None]:
        return machine_lock(self._cache_dir / f"compile-{guest.key[:16]}.lock")


async def _mapped(client: "Wasmer", image: Path) -> "Package | None":
    """Return the package of an image; None where there is none that wasmer can read."""
    try:
        return await client.packages.load(image)
    except sdk().WasmerError:
        return None


def _definition(module: bytes, files: dict[str, bytes]) -> "PackageDefinition":
    commands = {"main": sdk().PackageCommandDefinition(module="main")}
    made: PackageDefinition = sdk().PackageDefinition(modules={"main": module}, commands=commands, files=files)
    return made


def _image_name(key: str, exports: GuestExport, memory_bytes: int) -> str:
    """Return the name of the file for this guest and cap, by all that it is made of and by.

    That it is there says that its module is compiled, too: see `_compiled_mark`.
    """
    made_of = f"{exports.version} {memory_bytes} {_installed_at()} ".encode() + _MADE_BY
    return f"{key}-image-{hashlib.sha256(made_of).hexdigest()[:16]}.webc"


def _compiled_mark(module: bytes) -> str:
    """Return the name of the file that says: this module is in wasmer's cache.

    wasmer keeps what it compiled by the module's hash and its own version. The time of its installation stands for the
    version here, which would take 27 ms of every cold start to find out.
    """
    return f"compiled-{_installed_at()}-{hashlib.sha256(module).hexdigest()[:16]}"


def _installed_at() -> int:
    return int(Path(sdk().__file__).stat().st_mtime)
