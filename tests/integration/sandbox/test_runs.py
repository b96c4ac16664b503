"""What a well-meaning program can do in the real sandbox."""

import threading

import pytest

from sandbox import services
from sandbox.errors import SandboxRequestInvalid, WorkspacePathInvalid
from sandbox.types import ExecutionRequest, Outcome
from tests.integration.sandbox.conftest import RunProgram


def test_a_program_prints_and_ends_well(run: RunProgram, lane: str) -> None:
    result = run("import sys\nprint('é')\nprint('note', file=sys.stderr)")
    assert (result.outcome, result.exit_code, result.stdout, result.stderr) == (Outcome.OK, 0, "é\n", "note\n")
    assert (result.message, result.runtime, result.files_changed) == ("", lane, {})


def test_standard_input_is_the_programs_own(run: RunProgram) -> None:
    assert run("import sys; print(len(sys.stdin.buffer.read()))", stdin=b"\xff" * 300_000).stdout == "300000\n"
    assert run("print(input() + input())", stdin=b"a\nb\n").stdout == "ab\n"


def test_input_that_nobody_reads_holds_nothing_up(run: RunProgram) -> None:
    assert run("print(1)", stdin=bytes(4_000_000)).outcome is Outcome.OK


def test_files_go_in_and_only_what_changed_comes_out(run: RunProgram) -> None:
    code = """
import os
assert sorted(os.listdir()) == ['edit.txt', 'gone.txt', 'same.txt', 'sub']
open('edit.txt', 'a').write('+')
os.remove('gone.txt')
os.makedirs('new/deep')
open('new/deep/file.bin', 'wb').write(bytes(range(256)))
print(open('sub/data.csv').read())
"""
    files = {"same.txt": b"s", "edit.txt": b"e", "gone.txt": b"g", "sub/data.csv": b"a,b"}
    result = run(code, files=files)
    assert result.outcome is Outcome.OK, result.stderr
    assert result.stdout == "a,b\n"
    assert result.files_changed == {"edit.txt": b"e+", "new/deep/file.bin": bytes(range(256))}
    assert result.files_deleted == ("gone.txt",)


def test_modules_beside_the_program_can_be_imported(run: RunProgram) -> None:
    assert run("import helper; print(helper.x)", files={"helper.py": b"x = 5"}).stdout == "5\n"


def test_the_standard_library_is_there(run: RunProgram) -> None:
    modules = """
        csv json re math statistics datetime decimal fractions random collections itertools functools dataclasses typing
        pathlib io os sys string textwrap hashlib base64 zlib gzip zipfile struct copy enum heapq bisect operator time
        unicodedata difflib html urllib.parse xml.etree.ElementTree socket subprocess threading asyncio email logging
        unittest argparse tempfile shutil glob calendar uuid secrets queue traceback inspect ast
    """
    code = f"import importlib\nfor name in {modules!r}.split(): importlib.import_module(name)\nprint('all')"
    result = run(code)
    assert result.stdout == "all\n", result.stderr


def test_the_program_is_main_and_its_traceback_shows_only_itself(run: RunProgram) -> None:
    result = run("def f():\n    return 1 / 0\nif __name__ == '__main__':\n    f()\n")
    assert (result.outcome, result.exit_code) == (Outcome.FAILED, 1)
    lines = [line for line in result.stderr.splitlines() if not set(line) <= set(" ~^")]  # versions mark differently
    assert lines == [
        "Traceback (most recent call last):",
        '  File "/tmp/main.py", line 4, in <module>',
        "    f()",
        '  File "/tmp/main.py", line 2, in f',
        "    return 1 / 0",
        "ZeroDivisionError: division by zero",
    ]


def test_a_syntax_error_shows_its_place(run: RunProgram) -> None:
    result = run("x = (1\n")
    assert result.outcome is Outcome.FAILED
    assert "line 1" in result.stderr
    assert "SyntaxError: '(' was never closed" in result.stderr


@pytest.mark.parametrize(("code", "exit_code"), [("import sys; sys.exit(3)", 3), ("raise SystemExit('no')", 1)])
def test_its_exit_code_is_told(run: RunProgram, code: str, exit_code: int) -> None:
    result = run(code)
    assert (result.outcome, result.exit_code) == (Outcome.FAILED, exit_code)


def test_what_was_written_and_not_closed_is_kept(run: RunProgram) -> None:
    assert run("f = open('a', 'w'); f.write('kept')").files_changed == {"a": b"kept"}


def test_two_runs_share_nothing(run: RunProgram) -> None:
    run("open('/workspace/a', 'w').write('1'); open('/tmp/b', 'w').write('1'); import os; os.environ['X'] = '1'")
    result = run("import os; print(os.listdir('/workspace'), os.listdir('/tmp'), dict(os.environ))")
    assert result.stdout == "[] ['main.py'] {}\n"


def test_more_programs_than_hosts_all_get_their_turn(run: RunProgram) -> None:
    results: dict[int, str] = {}

    def one(number: int) -> None:
        results[number] = run(f"print({number} ** 2)").stdout

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: f"{number**2}\n" for number in range(8)}


def test_what_the_sandbox_cannot_run_is_refused(run: RunProgram) -> None:
    with pytest.raises(SandboxRequestInvalid, match="cobol"):
        services.execute(ExecutionRequest("cobol", ""))
    with pytest.raises(SandboxRequestInvalid, match="code"):
        run("#" * 1_100_000)
    with pytest.raises(SandboxRequestInvalid, match="Unicode"):
        run("'\ud800'")
    with pytest.raises(WorkspacePathInvalid):
        run("", files={"../x": b""})


@pytest.mark.parametrize("limits", [{"file_count": 1}, {"file_bytes": 3}])
def test_too_many_files_are_refused_before_the_run(run: RunProgram, limits: dict[str, int]) -> None:
    result = run("print(1)", files={"a": b"12", "b": b"34"}, **limits)
    assert (result.outcome, result.stdout) == (Outcome.QUOTA_EXCEEDED, "")
    assert "2 files have 4 bytes" in result.message
