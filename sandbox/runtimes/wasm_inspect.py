"""What an uploaded module is and wants, read from its bytes before anything runs it.

WASI's functions: https://github.com/WebAssembly/WASI/blob/wasi-0.1/preview1/docs.md
"""

from dataclasses import dataclass

from sandbox.runtimes.wasm_module import (
    IMPORT_SECTION,
    MEMORY_SECTION,
    PAGE_BYTES,
    PREAMBLE,
    WasmModuleInvalid,
    exports_in,
    imports_in,
    memory_pages,
    sections,
)

_WASI = "wasi_snapshot_preview1"
_EXPORT_SECTION = 7
_SECTIONS_LAST = 12  # of WebAssembly 2.0; a larger id is something that the engine may not know
_FUNCTION, _MEMORY = 0, 2
_BASIC = (
    "args_get",
    "args_sizes_get",
    "environ_get",
    "environ_sizes_get",
    "fd_close",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_read",
    "fd_seek",
    "fd_tell",
    "fd_write",
    "fd_prestat_get",
    "fd_prestat_dir_name",
    "proc_exit",
    "proc_raise",
    "sched_yield",
)
_CLOCK = (
    "clock_res_get",
    "clock_time_get",
    "poll_oneoff",
)
_FILES = (
    "fd_advise",
    "fd_allocate",
    "fd_datasync",
    "fd_fdstat_set_rights",
    "fd_filestat_get",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_pwrite",
    "fd_readdir",
    "fd_renumber",
    "fd_sync",
    "path_create_directory",
    "path_filestat_get",
    "path_filestat_set_times",
    "path_link",
    "path_open",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
)
# They use a socket that was handed in, which none ever is: each answers with an error. Preview 1 has no way to make
# one, and the standard library of Rust imports them whether a program asks for the network or not.
_SOCKETS = ("sock_accept", "sock_recv", "sock_send", "sock_shutdown")
# Every function of preview 1 by what a module needs for it; `basic` is given to all.
CAPABILITY_OF = {
    **dict.fromkeys((*_BASIC, *_SOCKETS), "basic"),
    **dict.fromkeys(_CLOCK, "clock"),
    **dict.fromkeys(_FILES, "files"),
    "random_get": "random",
}
CAPABILITIES = frozenset(CAPABILITY_OF.values()) - {"basic"}


@dataclass(frozen=True, slots=True)
class ModuleFacts:
    """What a module imports, which capabilities that takes, and how much memory it starts with."""

    imports: tuple[str, ...]
    capabilities: frozenset[str]
    memory_bytes: int


def module_inspect(module: bytes) -> ModuleFacts:
    """Return the facts of a WASI command.

    Raises:
        WasmModuleInvalid: It is malformed, imports what is not WASI or what nobody is given (a way to open sockets,
            threads, memory of the host), or is no command; the message says which: the uploader's fault.
    """
    if not module.startswith(PREAMBLE):
        raise WasmModuleInvalid("not a WebAssembly 1.0 module (a component, or text, has to be compiled to one)")
    bodies: dict[int, memoryview] = {}
    for section_id, body in sections(memoryview(module)):
        if section_id > _SECTIONS_LAST:
            raise WasmModuleInvalid(f"section {section_id} is of no known kind")
        if section_id and section_id in bodies:
            raise WasmModuleInvalid(f"section {section_id} is there twice")
        bodies[section_id] = body
    imports = tuple(_import_checked(*found) for found in imports_in(bodies.get(IMPORT_SECTION, memoryview(b"\0"))))
    if MEMORY_SECTION not in bodies:
        raise WasmModuleInvalid("the module defines no memory")
    exports = {(name, kind) for name, kind, _ in exports_in(bodies.get(_EXPORT_SECTION, memoryview(b"\0")))}
    if ("_start", _FUNCTION) not in exports:
        raise WasmModuleInvalid("the module exports no `_start`: it is a library and not a command")
    if ("memory", _MEMORY) not in exports:
        raise WasmModuleInvalid("the module does not export its memory, which WASI needs")
    return ModuleFacts(
        imports=imports,
        capabilities=frozenset(CAPABILITY_OF[name] for name in imports) - {"basic"},
        memory_bytes=memory_pages(bodies[MEMORY_SECTION])[0] * PAGE_BYTES,
    )


def _import_checked(module: str, name: str, kind: int) -> str:
    if module != _WASI:
        raise WasmModuleInvalid(f"it imports {module[:64]!r}.{name[:64]!r}; there is only {_WASI}")
    if kind != _FUNCTION:
        raise WasmModuleInvalid(f"it imports {name[:64]!r}, which is no function")
    if name.startswith("sock_") and name not in _SOCKETS:
        raise WasmModuleInvalid(f"it imports {name[:64]}: there is no network")
    if name not in CAPABILITY_OF:
        raise WasmModuleInvalid(f"it imports {name[:64]!r}, which {_WASI} does not have")
    return name
