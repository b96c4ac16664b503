"""Rewriting a WebAssembly module's bytes before it is loaded.

Source of the format: WebAssembly Core Specification 2.0, https://webassembly.github.io/spec/core/binary/, sections
5.2.2 (LEB128 integers), 5.3.7 (limits), 5.5.2 (sections), 5.5.3 (custom section), 5.5.5 (import section), 5.5.8 (memory
section) and 5.5.16 (modules).
"""

from collections.abc import Iterator

PAGE_BYTES = 65_536
_MEMORY_MIN_BYTES = 32 * 1024 * 1024  # CPython alone takes 12 MiB
_MEMORY_MAX_BYTES = 2 * 1024 * 1024 * 1024
MAX_PAGES = 65_536  # 4 GiB: all that a 32-bit memory can address (section 2.5.5 of the specification: memory types)

PREAMBLE = b"\0asm\1\0\0\0"
CUSTOM_SECTION = 0
IMPORT_SECTION = 2
MEMORY_SECTION = 5
_IMPORTED_MEMORY = 2
_LEB128_MAX_BYTES = 5


class WasmModuleInvalid(ValueError):
    """The bytes are not a module whose memory can be capped."""


def memory_tier_bytes(memory_bytes: int) -> int:
    """Return the cap that is applied: `memory_bytes` rounded down to a power of two, from 32 MiB to 2 GiB.

    The cap is a part of the module and so of what is compiled: few caps mean few compilations.
    """
    bounded = min(max(memory_bytes, _MEMORY_MIN_BYTES), _MEMORY_MAX_BYTES)
    return 1 << (bounded.bit_length() - 1)


def memory_capped(module: bytes, *, max_pages: int) -> bytes:
    """Return the module with the maximum of its memory set, and without its debug sections.

    A runtime refuses `memory.grow` above the maximum, so this is a memory cap that needs nothing of the runtime's API.
    Debug sections (`.debug_*`) are half of CPython's module and serve nobody here.

    Args:
        module: A binary module with exactly one memory, defined by itself.
        max_pages: Largest size of the memory in pages of 64 KiB, from its own minimum to 65,536. A lower maximum stays.

    Raises:
        WasmModuleInvalid: The module is malformed, has not exactly one memory of its own, or starts above the cap.
    """
    if not module.startswith(PREAMBLE):
        raise WasmModuleInvalid("not a WebAssembly 1.0 module")
    if not 0 < max_pages <= MAX_PAGES:
        raise WasmModuleInvalid(f"max_pages must be from 1 to {MAX_PAGES}, not {max_pages}")
    view = memoryview(module)
    parts: list[bytes | memoryview] = [PREAMBLE]
    capped = False
    for section_id, body in sections(view):
        content: bytes | memoryview = body
        if section_id == CUSTOM_SECTION and _custom_name(body).startswith(b".debug_"):
            continue
        if section_id == IMPORT_SECTION:
            if any(kind == _IMPORTED_MEMORY for _, _, kind in imports_in(body)):
                # it is made by the host, so its cap is not in this module
                raise WasmModuleInvalid("the module imports its memory")
        elif section_id == MEMORY_SECTION:
            content = _capped_memory_section(body, max_pages)
            capped = True
        parts += [bytes([section_id]), leb128(len(content)), content]
    if not capped:
        raise WasmModuleInvalid("the module defines no memory")
    return b"".join(parts)


def sections(view: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield id and body of each section.

    Raises:
        WasmModuleInvalid: A section ends behind the module's end.
    """
    position = len(PREAMBLE)
    while position < len(view):
        section_id = view[position]
        size_bytes, start = read_leb128(view, position + 1)
        end = start + size_bytes
        if end > len(view):
            raise WasmModuleInvalid(f"section {section_id} ends behind the module's end")
        yield section_id, view[start:end]
        position = end


def _capped_memory_section(body: memoryview, max_pages: int) -> bytes:
    min_pages, own_max_pages = memory_pages(body)
    if min_pages > max_pages:
        raise WasmModuleInvalid(f"the module starts with {min_pages} pages, above the cap of {max_pages}")
    return b"\1\1" + leb128(min_pages) + leb128(min(max_pages, own_max_pages))


def imports_in(body: memoryview) -> Iterator[tuple[str, str, int]]:
    """Yield module, name and kind (0 function, 1 table, 2 memory, 3 global) of each import.

    Raises:
        WasmModuleInvalid: The section is malformed.
    """
    count, position = read_leb128(body, 0)
    for _ in range(count):
        module, position = read_name(body, position)
        name, position = read_name(body, position)
        kind = byte_at(body, position)
        yield module, name, kind
        position = _after_import_descriptor(body, position + 1, kind)


def exports_in(body: memoryview) -> Iterator[tuple[str, int, int]]:
    """Yield name, kind (as for imports) and index of each export.

    Raises:
        WasmModuleInvalid: The section is malformed.
    """
    count, position = read_leb128(body, 0)
    for _ in range(count):
        name, position = read_name(body, position)
        kind = byte_at(body, position)
        index, position = read_leb128(body, position + 1)
        yield name, kind, index


def read_name(view: memoryview, position: int) -> tuple[str, int]:
    """Return a name and the position behind it; raises WasmModuleInvalid when it is no UTF-8 or too long."""
    length, position = read_leb128(view, position)
    raw = bytes(view[position : position + length])
    if len(raw) != length:
        raise WasmModuleInvalid("a name ends behind the module's end")
    try:
        return raw.decode(), position + length
    except UnicodeDecodeError as error:
        raise WasmModuleInvalid("a name is not UTF-8") from error


def memory_pages(body: memoryview) -> tuple[int, int]:
    """Return least and most pages of the one memory that a memory section defines.

    Raises:
        WasmModuleInvalid: It defines not exactly one, or a shared or 64-bit one.
    """
    count, position = read_leb128(body, 0)
    if count != 1:
        raise WasmModuleInvalid(f"the module defines {count} memories instead of one")
    flags = byte_at(body, position)
    if flags not in (0, 1):  # others are shared or 64-bit memories
        raise WasmModuleInvalid(f"memory of kind {flags} cannot be capped")
    min_pages, position = read_leb128(body, position + 1)
    return min_pages, (read_leb128(body, position)[0] if flags == 1 else MAX_PAGES)


def _after_import_descriptor(body: memoryview, position: int, kind: int) -> int:
    if kind == 0:  # a function: a type index
        return read_leb128(body, position)[1]
    if kind == 1:  # a table: a reference type, then limits
        flags = byte_at(body, position + 1)
        position = read_leb128(body, position + 2)[1]
        return read_leb128(body, position)[1] if flags & 1 else position
    if kind == 3:  # a global: a value type, then its mutability
        return position + 2
    raise WasmModuleInvalid(f"import of unknown kind {kind}")


def _custom_name(body: memoryview) -> bytes:
    length, position = read_leb128(body, 0)
    return bytes(body[position : position + length])  # not decoded: a name that makes no sense is dropped by nobody


def byte_at(view: memoryview, position: int) -> int:
    """Return one byte; raises WasmModuleInvalid behind the end."""
    if position >= len(view):
        raise WasmModuleInvalid("the module ends in the middle of a section")
    return view[position]


def read_leb128(view: memoryview, position: int) -> tuple[int, int]:
    """Return an unsigned 32-bit LEB128 integer and the position behind it."""
    value = 0
    for index in range(_LEB128_MAX_BYTES):
        byte = byte_at(view, position + index)
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise WasmModuleInvalid("an integer is longer than 5 bytes")


def leb128(value: int) -> bytes:
    """Return the shortest unsigned LEB128 encoding."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
