"""Modules on their way into wasmer: with their memory capped, compiled once per machine, kept loaded."""

import contextlib
import hashlib
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.guests.base import ROOT, GuestAltered, GuestMissing, WasiGuest
from sandbox.runtimes.locks import machine_lock
from sandbox.runtimes.wasm_module import PAGE_BYTES, WasmModuleInvalid, memory_capped
from sandbox.runtimes.wasmer.sdk import sdk

if TYPE_CHECKING:
    from wasmer_sdk import Package, PackageDefinition, Wasmer

_PACKAGES_MAX = 8  # loaded modules that one host keeps


@dataclass(frozen=True, slots=True)
class _Loadable:
    """A module with its memory capped, the name of the file that says that it is compiled, and its package if known."""

    module: bytes
    mark: str
    definition: "PackageDefinition | None" = None


_PRELOADED: dict[tuple[str, int], _Loadable] = {}  # by guest and memory; filled before hosts are forked


def package_preload(guest: WasiGuest, memory_bytes: int) -> None:
    """Read, check and cap a guest's module and read its files, for all hosts that are forked from this process.

    What is not there yet, or is not fit, is left to the hosts: they say so when they are asked.
    """
    if guest.exports is None or not guest.exports.is_there():
        return
    with contextlib.suppress(GuestMissing, GuestAltered, WasmModuleInvalid):
        loadable = _loadable(guest, memory_bytes)
        definition = _definition(loadable.module, guest.files())
        _PRELOADED[guest.key, memory_bytes] = replace(loadable, definition=definition)


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
        loadable = _PRELOADED.get(key) or _loadable(guest, memory_bytes)
        compiled = self._cache_dir / loadable.mark
        if not compiled.exists() or not (guest.exports is None or guest.exports.is_there()):
            with machine_lock(self._cache_dir / f"compile-{guest.key[:16]}.lock"):
                if not compiled.exists() or guest.exports is not None:
                    await self._compile(client, guest, loadable.module)
            compiled.touch()
        package = await client.packages.create(loadable.definition or _definition(loadable.module, guest.files()))
        self._kept[key] = package
        while len(self._kept) > _PACKAGES_MAX:
            self._kept.popitem(last=False)
        return package

    async def _compile(self, client: "Wasmer", guest: WasiGuest, module: bytes) -> None:
        """Start the module once, which compiles it into the cache, and keep the files that are inside."""
        package = await client.packages.create(_definition(module, {}))
        sandbox = await client.sandboxes.create(packages=[package])
        arguments = guest.exports.arguments if guest.exports else ()
        process = await sandbox.command(package, arguments, cwd=ROOT).spawn(stdin="pipe")
        if process.stdin is not None:
            await process.stdin.close()
        if guest.exports is not None:
            await process.wait()
            guest.exports.save(await sandbox.fs.read(guest.exports.path))
        elif not guest.waits:
            self.burning = True
            await process.kill()
        await sandbox.close()


def _loadable(guest: WasiGuest, memory_bytes: int) -> _Loadable:
    module = memory_capped(guest.module(), max_pages=memory_bytes // PAGE_BYTES)
    return _Loadable(module, _compiled_mark(module))


def _definition(module: bytes, files: dict[str, bytes]) -> "PackageDefinition":
    commands = {"main": sdk().PackageCommandDefinition(module="main")}
    made: PackageDefinition = sdk().PackageDefinition(modules={"main": module}, commands=commands, files=files)
    return made


def _compiled_mark(module: bytes) -> str:
    """Return the name of the file that says: this module is in wasmer's cache.

    wasmer keeps what it compiled by the module's hash and its own version. The time of its installation stands for the
    version here, which would take 27 ms of every cold start to find out.
    """
    installed_at = int(Path(sdk().__file__).stat().st_mtime)
    return f"compiled-{installed_at}-{hashlib.sha256(module).hexdigest()[:16]}"
