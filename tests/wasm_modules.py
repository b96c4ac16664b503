"""Small WASI commands, written by hand in WebAssembly's binary format."""

_ARGUMENTS = {"sock_shutdown": 2, "sock_accept": 3, "sock_send": 5, "sock_recv": 6}


def _leb(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _section(number: int, *items: bytes) -> bytes:
    body = _leb(len(items)) + b"".join(items)
    return bytes([number]) + _leb(len(body)) + body


def _name(text: str) -> bytes:
    return _leb(len(text)) + text.encode()


def command(
    code: bytes,
    *,
    imports: tuple[tuple[str, str], ...] = (("wasi_snapshot_preview1", "fd_write"),),
    data: bytes = b"",
    pages: int = 1,
    start: str = "_start",
    memory: bool = True,
) -> bytes:
    """Return a module whose `_start` is `code`, without its end.

    Imports take as many 32-bit integers as `_ARGUMENTS` says, or four, and give one. `data` lies at address 8.
    """
    counts = sorted({_ARGUMENTS.get(name, 4) for _, name in imports} | {4})
    kinds = [b"\x60" + _leb(count) + b"\x7f" * count + b"\x01\x7f" for count in counts]
    types = _section(1, b"\x60\0\0", *kinds)
    imported = [
        _name(module) + _name(name) + b"\0" + _leb(1 + counts.index(_ARGUMENTS.get(name, 4)))
        for module, name in imports
    ]
    exports = [_name(start) + b"\0" + _leb(len(imports)), *([_name("memory") + b"\2\0"] if memory else [])]
    body = b"\0" + code + b"\x0b"
    return b"".join(
        (
            b"\0asm\1\0\0\0",
            types,
            _section(2, *imported),
            _section(3, b"\0"),
            _section(5, b"\0" + _leb(pages)),
            _section(7, *exports),
            _section(10, _leb(len(body)) + body),
            _section(11, b"\0\x41\x08\x0b" + _leb(len(data)) + data),
        )
    )


PRINT_CODE = b"\x41\x01\x41\x08\x41\x01\x41\xe0\0\x10\0\x1a"  # drop(fd_write(1, 8, 1, 96))
PRINT_DATA = b"\x10\0\0\0\x06\0\0\0hello\n"  # an iovec: 6 bytes at 16
HELLO = command(PRINT_CODE, data=PRINT_DATA)
LOOP = command(b"\x03\x40\x0c\0\x0b")  # loop { br 0 }
PRINT_FOR_EVER = command(b"\x03\x40" + PRINT_CODE + b"\x0c\0\x0b", data=PRINT_DATA)
TRAP = command(b"\0")
RECURSE = command(b"\x10\1")
OUT_OF_BOUNDS = command(b"\x41\x7f\x28\x02\0\x1a")  # load at the last address
GROW_FOR_EVER = command(b"\x03\x40\x41\x10\x40\0\x41\x7f\x47\x0d\0\x0b")  # while memory.grow(16) != -1
# for address = 65536 to 131072 step 4: store 0x5a5a5a5a there
FILL_MEMORY = command(
    b"\x41\0\x41\0\x36\x02\0"  # the counter lies at 0
    b"\x03\x40"
    b"\x41\0\x28\x02\0\x41\x80\x80\x04\x6a\x41\xda\xb4\xe9\xd2\x05\x36\x02\0"  # [65536 + counter] = 0x5a5a5a5a
    b"\x41\0\x41\0\x28\x02\0\x41\x04\x6a\x36\x02\0"  # counter += 4
    b"\x41\0\x28\x02\0\x41\x80\x80\x04\x49\x0d\0\x0b",  # while counter < 65536
    pages=2,
)
PRINT_MEMORY = command(PRINT_CODE, data=b"\x00\x00\x01\x00\xe8\xfd\0\0", pages=2)  # an iovec: 65,000 bytes at 65536
