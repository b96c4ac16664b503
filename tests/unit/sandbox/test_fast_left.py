"""What is believed of the fast guest's words."""

from base64 import b64encode

import pytest

from sandbox.runtimes.fast_left import files_left, said
from sandbox.runtimes.outcomes import FilesExceeded
from sandbox.types import ExecutionRequest, SandboxLimits

REQUEST = ExecutionRequest("python", files={"kept": b"1234", "gone": b"5"})
LIMITS = SandboxLimits(file_count=3, file_bytes=10)


@pytest.mark.parametrize("exit_code", [0, 7, 255])
def test_digits_are_an_exit_code(exit_code: int) -> None:
    assert said(str(exit_code)) == {"exit_code": exit_code}


@pytest.mark.parametrize("words", [None, "", "-1", "1 ", "1\n", "1234", "\u0661", "0x1", 1, True, ["0"]])
def test_what_is_no_exit_code_says_nothing(words: object) -> None:
    assert said(words) == {}


def test_more_is_said_by_name() -> None:
    assert said({"exit_code": 1, "files": {}}) == {"exit_code": 1, "files": {}}


def test_changed_and_deleted_files_are_told_from_what_was_put_there() -> None:
    left = {"files": {"new": b64encode(b"6").decode()}, "deleted": ["gone", "never there"]}
    assert files_left(left, REQUEST, LIMITS) == ({"new": b"6"}, ("gone",))


@pytest.mark.parametrize(
    ("left", "limit"),
    [
        ({"files": {"a": "MQ==", "b": "MQ=="}}, "file_count"),
        ({"files": {"a": "MTIzNDU2Nzg="}}, "file_bytes"),
        ({"files": {"a": "?"}}, "file_bytes"),
        ({"files": {"a": 1}}, "file_bytes"),
        ({"files": []}, "file_bytes"),
        ({"exceeded": "file_bytes"}, "file_bytes"),
        ({"exceeded": "anything"}, "file_count"),
    ],
)
def test_files_beyond_the_limits_are_not_kept(left: dict[str, object], limit: str) -> None:
    with pytest.raises(FilesExceeded) as refused:
        files_left(left, REQUEST, LIMITS)
    assert refused.value.limit == limit
