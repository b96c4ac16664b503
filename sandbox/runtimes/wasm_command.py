"""Turning a WASI reactor into a command: a module with a `_start` that calls one of its functions as C's `main`.

QuickJS is published as a reactor, whose functions its host calls; wasmer-sdk runs commands. The added function calls
`_initialize`, writes the arguments into memory from `malloc`, and calls `function(argc, argv)`; a result that is not 0
becomes exit code 1. Format: see `wasm_module`; opcodes: WebAssembly Core Specification 2.0, section 5.4.
"""

from collections.abc import Sequence

from sandbox.runtimes.wasm_module import (
    IMPORT_SECTION,
    PREAMBLE,
    WasmModuleInvalid,
    exports_in,
    imports_in,
    leb128,
    read_leb128,
    sections,
)

_TYPE_SECTION, _FUNCTION_SECTION, _EXPORT_SECTION, _CODE_SECTION = 1, 3, 7, 10
_FUNCTION = 0
_NO_ARGUMENTS_NO_RESULT = b"\x60\0\0"
_ONE_LOCAL_I32 = b"\x01\x01\x7f"
_SET_P, _GET_P = b"\x21\0", b"\x20\0"
_STORE_I32, _STORE_BYTE = b"\x36\x02", b"\x3a\0"
_ADD, _IF, _END = b"\x6a", b"\x04\x40", b"\x0b"


def reactor_as_command(module: bytes, *, function: str, arguments: Sequence[str]) -> bytes:
    """Return the module as a command.

    Args:
        module: A reactor that exports `_initialize`, `malloc` and `function`, and imports WASI's `proc_exit`.
        function: Its function of the shape `int (int argc, char **argv)`.
        arguments: What it is called with.

    Raises:
        WasmModuleInvalid: The module is malformed, or is no such reactor.
    """
    if not module.startswith(PREAMBLE):
        raise WasmModuleInvalid("not a WebAssembly 1.0 module")
    found = list(sections(memoryview(module)))
    bodies = dict(found)
    try:
        imported = [(name, kind) for _, name, kind in imports_in(bodies[IMPORT_SECTION]) if kind == _FUNCTION]
        exported = {name: index for name, kind, index in exports_in(bodies[_EXPORT_SECTION]) if kind == _FUNCTION}
        types, type_count = _appended(bodies[_TYPE_SECTION], _NO_ARGUMENTS_NO_RESULT)
        functions, function_count = _appended(bodies[_FUNCTION_SECTION], leb128(type_count))
        start = len(imported) + function_count
        calls = {
            "initialize": exported["_initialize"],
            "malloc": exported["malloc"],
            "main": exported[function],
            "exit": imported.index(("proc_exit", _FUNCTION)),
        }
        code = _start_code(calls, arguments)
        changed = {
            _TYPE_SECTION: types,
            _FUNCTION_SECTION: functions,
            _EXPORT_SECTION: _exports(bodies[_EXPORT_SECTION], start),
            _CODE_SECTION: _appended(bodies[_CODE_SECTION], leb128(len(code)) + code)[0],
        }
    except (KeyError, ValueError) as error:
        raise WasmModuleInvalid(f"not a reactor with what is needed: {error}") from error
    parts = [PREAMBLE]
    for section_id, body in found:
        content = changed.get(section_id, bytes(body)) if section_id else bytes(body)
        parts += [bytes([section_id]), leb128(len(content)), content]
    return b"".join(parts)


def _appended(body: memoryview, item: bytes) -> tuple[bytes, int]:
    """Return a vector with one item more, and how many it had."""
    count, position = read_leb128(body, 0)
    return leb128(count + 1) + bytes(body[position:]) + item, count


def _exports(body: memoryview, start: int) -> bytes:
    """Return the exports with `_start`, and without `_initialize`: a host that sees it would call it too."""
    kept = [(name, kind, index) for name, kind, index in exports_in(body) if name != "_initialize"]
    kept.append(("_start", _FUNCTION, start))
    encoded = [leb128(len(name.encode())) + name.encode() + bytes([kind]) + leb128(index) for name, kind, index in kept]
    return leb128(len(kept)) + b"".join(encoded)


def _start_code(calls: dict[str, int], arguments: Sequence[str]) -> bytes:
    table_bytes = 4 * (len(arguments) + 1)  # argv has a null behind its last
    strings, offsets = b"", []
    for argument in arguments:
        offsets.append(table_bytes + len(strings))
        strings += argument.encode() + b"\0"
    code = _call(calls["initialize"]) + _constant(table_bytes + len(strings)) + _call(calls["malloc"]) + _SET_P
    for number, offset in enumerate(offsets):
        code += _GET_P + _GET_P + _constant(offset) + _ADD + _STORE_I32 + leb128(4 * number)
    code += _GET_P + _constant(0) + _STORE_I32 + leb128(4 * len(arguments))
    for number, byte in enumerate(strings):
        code += _GET_P + _constant(byte) + _STORE_BYTE + leb128(table_bytes + number)
    code += _constant(len(arguments)) + _GET_P + _call(calls["main"])
    return _ONE_LOCAL_I32 + code + _IF + _constant(1) + _call(calls["exit"]) + _END + _END


def _call(index: int) -> bytes:
    return b"\x10" + leb128(index)


def _constant(value: int) -> bytes:
    """Return `i32.const`; its operand is signed, so a positive one needs a clear sign bit."""
    encoded = bytearray()
    while value >= 0x40:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return b"\x41" + bytes(encoded)
