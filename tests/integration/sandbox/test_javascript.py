"""What JavaScript can do in the real sandbox, and what it cannot."""

import pytest

from sandbox import services
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, SandboxLimits


def run(
    code: str, *, stdin: bytes = b"", files: dict[str, bytes] | None = None, wall_seconds: float = 60
) -> ExecutionResult:
    limits = SandboxLimits(wall_seconds=wall_seconds, cpu_seconds=60)
    return services.execute(ExecutionRequest("javascript", code, stdin=stdin, files=files or {}, limits=limits))


def test_a_program_prints_and_ends_well() -> None:
    result = run("console.log('é', 1 + 1, [1], {a: 2}); console.error('note')")
    assert (result.outcome, result.exit_code) == (Outcome.OK, 0)
    assert (result.stdout, result.stderr, result.runtime) == ('é 2 [1] {"a":2}\n', "note\n", "wasmer")


def test_it_is_a_module_with_files_input_and_top_level_await() -> None:
    code = """
import { x } from "./lib/h.mjs";
await null;
console.log(x, std.in.readAsString());
const file = std.open("out.txt", "w"); file.puts("kept"); file.close();
os.remove("gone.txt");
"""
    result = run(code, stdin=b"input", files={"lib/h.mjs": b"export const x = 7;", "gone.txt": b""})
    assert (result.stdout, result.stderr) == ("7 input\n", "")
    assert (result.files_changed, result.files_deleted) == ({"out.txt": b"kept"}, ("gone.txt",))


def test_it_ends_when_nothing_is_left_to_wait_for() -> None:
    code = """
let rounds = 0;
const every = setInterval(() => { console.log("tick"); if (++rounds === 2) clearInterval(every); }, 1);
setTimeout((word) => console.log(word), 20, "late");
clearTimeout(setTimeout(() => console.log("never"), 1));
queueMicrotask(() => console.log("soon"));
"""
    assert run(code).stdout == "soon\ntick\ntick\nlate\n"


def test_every_reaction_of_a_promise_runs_before_a_timer_however_late_it_is() -> None:
    code = """
const spin = (milliseconds) => { const start = Date.now(); while (Date.now() - start < milliseconds); };
setTimeout(() => {
  console.log("first timer");
  Promise.resolve().then(() => console.log("its reaction")).then(() => console.log("the next"));
}, 1);
os.setTimeout(() => console.log("second timer"), 1);
let chain = Promise.resolve();
for (let i = 0; i < 4; i++) chain = chain.then(() => { spin(3); console.log(`reaction ${i}`); });
"""
    expected = [*(f"reaction {i}" for i in range(4)), "first timer", "its reaction", "the next", "second timer"]
    assert run(code).stdout.splitlines() == expected


def test_a_chain_of_promises_runs_to_its_end_without_being_awaited() -> None:
    code = """
let rounds = 0;
const go = () => Promise.resolve().then(() => { if (++rounds < 5000) return go(); console.log(rounds); });
go();
"""
    assert run(code).stdout == "5000\n"


@pytest.mark.parametrize(
    ("code", "exit_code", "stderr"),
    [
        ("throw new Error('no')", 1, "Error: no"),
        ("std.exit(4)", 4, ""),
        ("syntax error(", 1, "SyntaxError"),
        ("function f() { f() } f()", 1, "RangeError: Maximum call stack size exceeded"),
        ("setTimeout(() => { throw new TypeError('late') }, 1)", 1, "TypeError: late"),
        ("await Promise.reject(new Error('refused'))", 1, "Error: refused"),
        ("Promise.reject(new Error('unseen'))", 1, "Error: unseen"),
        ("(async () => { await null; throw new Error('inside') })()", 1, "Error: inside"),
    ],
)
def test_a_failed_program_says_why(code: str, exit_code: int, stderr: str) -> None:
    result = run(code)
    assert (result.outcome, result.exit_code) == (Outcome.FAILED, exit_code)
    assert stderr in result.stderr


def test_two_runs_share_nothing() -> None:
    run("globalThis.x = 1; std.open('/tmp/a', 'w').puts('1'); std.open('b', 'w').puts('1')")
    code = "console.log(typeof x, os.readdir('/tmp')[0].includes('a'), os.readdir('.')[0].includes('b'))"
    assert run(code).stdout == "undefined false false\n"


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("while (true);", Outcome.TIMEOUT),
        ("await new Promise(() => {})", Outcome.TIMEOUT),
        ("setInterval(() => {}, 10)", Outcome.TIMEOUT),
        ("/(a+)+$/.test('a'.repeat(40) + 'b')", Outcome.TIMEOUT),
        ("const a = []; while (true) a.push(new Uint8Array(1 << 20).fill(1))", Outcome.MEMORY_EXCEEDED),
        ("while (true) console.log('x'.repeat(10_000))", Outcome.OUTPUT_EXCEEDED),
        ("for (let i = 0; i < 1000; i++) std.open(`f${i}`, 'w').close()", Outcome.QUOTA_EXCEEDED),
        ("JSON.parse('['.repeat(1_000_000))", Outcome.CRASHED),
        ("os.exec(['ls'])", Outcome.FAILED),
        ("std.popen('id', 'r')", Outcome.FAILED),
        ("new os.Worker('./x.js')", Outcome.FAILED),
        ("std.urlGet('http://169.254.169.254/')", Outcome.FAILED),
        ("std.loadFile('/etc/passwd').length", Outcome.FAILED),
        ("await import('/proc/self/environ')", Outcome.FAILED),
        ("await import('../../../../etc/hostname')", Outcome.FAILED),
        ("os.kill(1, 9)", Outcome.FAILED),
    ],
)
def test_a_hostile_program_gets_what_it_must_and_the_next_one_runs(code: str, outcome: Outcome) -> None:
    result = run(code, wall_seconds=3)
    assert result.outcome is outcome, result
    assert run("console.log(Object.keys(std.getenviron()).length)").stdout == "0\n"


def test_files_that_fill_the_hosts_memory_are_stopped() -> None:
    code = "const f = std.open('big', 'w'), x = 'x'.repeat(1 << 20); while (true) f.puts(x)"
    limits = SandboxLimits(wall_seconds=60, cpu_seconds=60, memory_bytes=64 * 1024**2, file_bytes=1024**2)
    result = services.execute(ExecutionRequest("javascript", code, limits=limits))
    assert (result.outcome, result.limit_hit) == (Outcome.QUOTA_EXCEEDED, "file_bytes")
