"""Making a function of a module run until it has nothing left to do.

QuickJS's command awaits a module by running one reaction of a promise (`JS_ExecutePendingJob`), then what is due of its
timers, and so on: timers overtake reactions, or make them wait. With that function running all reactions, its loop has
the order that the language's other hosts have. Format: see `wasm_module`; names: WebAssembly Core Specification 2.0,
appendix "Name Section"; opcodes: section 5.4.
"""

from sandbox.runtimes.wasm_module import (
    CUSTOM_SECTION,
    IMPORT_SECTION,
    PREAMBLE,
    WasmModuleInvalid,
    imports_in,
    leb128,
    read_leb128,
    read_name,
    sections,
)

_FUNCTION_SECTION, _CODE_SECTION = 3, 10
_FUNCTION = 0
_FUNCTION_NAMES = 1


def repeated_while_positive(module: bytes, *, function: str) -> bytes:
    """Return the module with a function that calls what it was again and again, as long as that returns more than 0.

    Args:
        module: A module with a section of names.
        function: The name of a function of the shape `int (void *, void *)` of which each call does one of some things:
            positive when it did, 0 when there was none, negative when it failed.

    Raises:
        WasmModuleInvalid: The module is malformed, or names no such function of its own.
    """
    if not module.startswith(PREAMBLE):
        raise WasmModuleInvalid("not a WebAssembly 1.0 module")
    found = list(sections(memoryview(module)))
    bodies = dict(found)
    try:
        imported = sum(kind == _FUNCTION for _, _, kind in imports_in(bodies[IMPORT_SECTION]))
        position = _index_of(function, found) - imported
        types = _vector(bodies[_FUNCTION_SECTION], sized=False)
        codes = _vector(bodies[_CODE_SECTION], sized=True)
        if position < 0:
            raise WasmModuleInvalid(f"{function} is imported")
        types.append(types[position])
        codes.append(codes[position])
        codes[position] = _repeating(imported + len(codes) - 1)
    except (KeyError, IndexError) as error:
        raise WasmModuleInvalid(f"not a module with {function}: {error}") from error
    changed = {
        _FUNCTION_SECTION: leb128(len(types)) + b"".join(types),
        _CODE_SECTION: leb128(len(codes)) + b"".join(leb128(len(code)) + code for code in codes),
    }
    parts = [PREAMBLE]
    for section_id, body in found:
        content = changed.get(section_id, body)
        parts += [bytes([section_id]), leb128(len(content)), bytes(content)]
    return b"".join(parts)


def _index_of(function: str, found: list[tuple[int, memoryview]]) -> int:
    for section_id, body in found:
        if section_id != CUSTOM_SECTION:
            continue
        name, position = read_name(body, 0)
        if name == "name":
            return _named(function, body, position)
    raise WasmModuleInvalid("the module has no section of names")


def _named(function: str, body: memoryview, position: int) -> int:
    while position < len(body):
        kind = body[position]
        size_bytes, start = read_leb128(body, position + 1)
        position = start + size_bytes
        if kind != _FUNCTION_NAMES:
            continue
        count, at = read_leb128(body, start)
        for _ in range(count):
            index, at = read_leb128(body, at)
            name, at = read_name(body, at)
            if name == function:
                return index
    raise WasmModuleInvalid(f"the module names no function {function}")


def _vector(body: memoryview, *, sized: bool) -> list[bytes]:
    """Return the items of a vector: LEB128 integers, or items that begin with their size, without it."""
    count, position = read_leb128(body, 0)
    items = []
    for _ in range(count):
        value, end = read_leb128(body, position)
        if sized:
            position, end = end, end + value
        items.append(bytes(body[position:end]))
        position = end
    return items


def _repeating(index: int) -> bytes:
    """Return code of two parameters that calls the function `index` until its result is at most 0, and returns that."""
    call = b"\x20\0\x20\1\x10" + leb128(index) + b"\x22\2"  # get, get, call, tee the one local
    again_if_positive = b"\x41\0\x4a\x0d\0"
    return b"\x01\x01\x7f" + b"\x03\x40" + call + again_if_positive + b"\x0b" + b"\x20\2" + b"\x0b"
