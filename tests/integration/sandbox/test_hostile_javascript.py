"""What hostile JavaScript gets from the real sandbox. After each program the next one must run."""

import pytest

from sandbox import services
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, SandboxLimits

MEBIBYTE = 1024 * 1024
FAILED, TIMEOUT, CRASHED, MEMORY_EXCEEDED = Outcome.FAILED, Outcome.TIMEOUT, Outcome.CRASHED, Outcome.MEMORY_EXCEEDED


def run(code: str, **limits: float) -> ExecutionResult:
    allowed = SandboxLimits(**{"wall_seconds": 20.0, "cpu_seconds": 20.0, **limits})  # type: ignore[arg-type]
    return services.execute(ExecutionRequest("javascript", code, limits=allowed))


def next_program_runs() -> None:
    assert run("console.log(Object.keys(std.getenviron()).length, os.readdir('.')[0].length)").stdout == "0 3\n"


@pytest.mark.parametrize(
    "path",
    [
        *("/etc/passwd", "/etc/shadow", "/etc/hostname", "/proc/self/environ", "/proc/1/environ", "/proc/self/maps"),
        *("/etc/shadow", "/../../etc/passwd", "../../../etc/passwd", "/workspace/../../etc/passwd", "/.env"),
        *("/sys/class/net", "/dev/mem", "/dev/kmsg", "file:///etc/passwd"),
    ],
)
def test_files_of_the_host_are_not_there(path: str) -> None:
    result = run(f"const found = std.loadFile({path!r}); if (found === null) std.exit(7); console.log(found)")
    assert (result.outcome, result.exit_code, result.stdout) == (Outcome.FAILED, 7, ""), result
    next_program_runs()


@pytest.mark.parametrize(
    "code",
    [
        "os.exec(['ls'])",
        "os.exec(['/bin/sh', '-c', 'id'], {block: true})",
        "std.popen('id', 'r')",
        "new os.Worker('./x.js')",
        "os.kill(1, 9)",
        "os.waitpid(-1, 0)",
        "os.dup2(0, 77); os.pipe()",
        "std.urlGet('http://169.254.169.254/')",
        "std.urlGet('http://127.0.0.1:5432/', {full: true})",
        "await fetch('http://169.254.169.254/latest/meta-data/')",
        "new XMLHttpRequest()",
        "new WebSocket('ws://127.0.0.1')",
        "require('child_process').exec('id')",
        "process.exit(0)",
        "await import('child_process')",
        "await import('/etc/passwd')",
        "await import('http://169.254.169.254/x.mjs')",
        "await import('../../../../proc/self/environ')",
        "globalThis.std = null; std.open('x', 'w')",
        "WebAssembly.compile(new Uint8Array(8))",
        "Deno.readTextFileSync('/etc/passwd')",
        "os.setReadHandler(99, () => {}); throw new Error('end')",
    ],
)
def test_there_are_no_processes_no_network_and_no_other_host(code: str) -> None:
    result = run(code)
    assert (result.outcome, result.stdout) == (FAILED, ""), result
    next_program_runs()


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("const a = []; for (;;) a.push('x'.repeat(1 << 20) + a.length)", MEMORY_EXCEEDED),
        ("new ArrayBuffer(2 ** 31 - 1)", MEMORY_EXCEEDED),
        ("'x'.repeat(2 ** 29)", MEMORY_EXCEEDED),
        ("let s = 'x'; for (;;) s += s", FAILED),  # the language has a longest string, before there is no memory
        ("const m = new Map(); for (let i = 0; ; i++) m.set(i, {i})", MEMORY_EXCEEDED),
        ("(function f() { f() })()", FAILED),
        ("const f = () => [1].map(f); f()", FAILED),
        # what nests as deep as this uses up the engine's stack, which the interpreter does not count
        ("let a = []; for (let i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a)", CRASHED),
        ("eval('('.repeat(1e6))", CRASHED),
        ("new Proxy({}, {get(t, k, r) { return r[k] }}).x", FAILED),
        ("/(a+)+$/.test('a'.repeat(40) + 'b')", TIMEOUT),
        ("[].concat(...Array(1e7).fill([1]))", MEMORY_EXCEEDED),
        ("Array.from({length: 2 ** 32 - 1}).sort()", MEMORY_EXCEEDED),
        ("2n ** (2n ** 30n)", FAILED),
        (
            "Promise.resolve().then(function f() { return Promise.resolve().then(f) }); await new Promise(() => {})",
            FAILED,
        ),
        ("setInterval(() => {}, 0)", TIMEOUT),
        ("os.sleep(100000)", TIMEOUT),
        ("std.in.readAsString(); for (;;);", TIMEOUT),
        ("for (;;) { try { for (;;) new Uint8Array(1 << 28) } catch {} }", TIMEOUT),
    ],
)
def test_what_exhausts_memory_stack_or_time_ends_the_program_alone(code: str, outcome: Outcome) -> None:
    wall_seconds = 1.5 if outcome is TIMEOUT else 60  # time is not what may end the others
    result = run(code, wall_seconds=wall_seconds, cpu_seconds=60.0, memory_bytes=64 * MEBIBYTE)
    assert result.outcome is outcome, result
    next_program_runs()


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("for (;;) console.log('x'.repeat(10_000))", Outcome.OUTPUT_EXCEEDED),
        ("for (;;) console.error('x'.repeat(10_000))", Outcome.OUTPUT_EXCEEDED),
        ("for (let i = 0; i < 1000; i++) std.open(`f${i}`, 'w').close()", Outcome.QUOTA_EXCEEDED),
        ("for (let i = 0; i < 300; i++) os.mkdir(`d${i}`)", Outcome.QUOTA_EXCEEDED),
        ("let p = 'd'; for (let i = 0; i < 30; i++, p += '/d') os.mkdir(p)", Outcome.QUOTA_EXCEEDED),
        ("const f = std.open('/tmp/big', 'w'), x = 'x'.repeat(1 << 20); for (;;) f.puts(x)", Outcome.QUOTA_EXCEEDED),
        (
            "const f = std.open('big', 'w'), x = 'x'.repeat(1 << 20); for (let i = 0; i < 3; i++) f.puts(x); f.close()",
            Outcome.QUOTA_EXCEEDED,
        ),
    ],
)
def test_floods_of_output_and_files_are_stopped(code: str, outcome: Outcome) -> None:
    assert run(code, file_bytes=MEBIBYTE, output_bytes=1000, memory_bytes=64 * MEBIBYTE).outcome is outcome
    next_program_runs()


@pytest.mark.parametrize(
    "poison",
    [
        "Array.prototype.map = null; Object.prototype.poisoned = 1",
        "JSON.stringify = () => 'poisoned'; console.log = () => {}",
        "globalThis.setTimeout = null; Promise.prototype.then = null",
        "std.open('/shannon/start.mjs', 'w')?.puts('poisoned')",
        "std.open('/shannon/outside.mjs', 'w')?.puts('poisoned')",
        "os.symlink('/etc', 'out'); os.rename('/shannon', '/gone')",
        "std.open('.shannon-program.mjs', 'w').puts('poisoned')",
        "os.chdir('/'); os.remove('/workspace'); os.mkdir('/poisoned')",
        "std.out.puts('\\x06'); std.out.puts('\\x06\\0\\0\\0\\2{}')",
    ],
)
def test_what_a_program_does_to_its_interpreter_ends_with_it(poison: str) -> None:
    run(f"globalThis.SECRET = 'of another tenant';\n{poison}")
    code = """
console.log(JSON.stringify([1].map(x => x + 1)), typeof SECRET, typeof {}.poisoned, os.stat('/poisoned')[1] !== 0);
setTimeout(() => console.log("timers"), 1);
"""
    assert run(code).stdout == "[2] undefined undefined true\ntimers\n"
