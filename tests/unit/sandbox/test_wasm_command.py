"""A reactor becomes a command."""

import pytest

from sandbox.guests import javascript
from sandbox.runtimes.wasm_command import reactor_as_command
from sandbox.runtimes.wasm_module import WasmModuleInvalid, exports_in, memory_capped, sections


def test_the_interpreter_becomes_a_command_whose_memory_can_be_capped() -> None:
    module = memory_capped(javascript.module_bytes(), max_pages=1024)
    exports = {name for name, _, _ in exports_in(dict(sections(memoryview(module)))[7])}
    assert "_start" in exports
    assert "_initialize" not in exports  # the host would call it a second time


@pytest.mark.parametrize("module", [b"", b"\0asm\1\0\0\0", b"\0asm\1\0\0\0\2\1\0", b"no module"])
def test_what_is_no_reactor_is_refused(module: bytes) -> None:
    with pytest.raises(WasmModuleInvalid):
        reactor_as_command(module, function="qjs_init_argv", arguments=())
