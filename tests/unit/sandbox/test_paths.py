"""The path jail."""

import pytest

from sandbox.errors import WorkspacePathInvalid
from sandbox.workspace import path_checked


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.txt", "a.txt"),
        ("a/b c/d.txt", "a/b c/d.txt"),
        ("./a.txt", "a.txt"),
        ("/workspace/a.txt", "a.txt"),
        (".hidden", ".hidden"),
        ("..a/b..", "..a/b.."),
        ("~/x", "~/x"),
        ("e\u0301.txt", "é.txt"),
        ("数据/表.csv", "数据/表.csv"),
    ],
)
def test_a_path_inside_has_one_spelling(path: str, expected: str) -> None:
    assert path_checked(path) == expected


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "./",
        "..",
        "../a",
        "a/../../b",
        "a/..",
        "a/./b",
        "a//b",
        "a/",
        "/",
        "/etc/passwd",
        "//workspace/a",
        "/workspace",
        "/workspace/",
        "/workspace/../etc/passwd",
        "/workspace//etc/passwd",
        "././../a",
        "a\0b",
        "a\nb",
        "a\x7fb",
        "..\\a",
        "C:\\a",
        "a\u202eb",  # right-to-left override
        "a\u200bb",  # zero-width space
        "\ud800",
        " a",
        "a /b",
        "a" * 256,
        "é" * 128,
        "/".join(["ab"] * 17),
        "/".join(["a" * 200] * 6),
        ".shannon-lock",
        "a/.shannon-1",
    ],
)
def test_a_path_outside_or_unclear_is_refused(path: str) -> None:
    with pytest.raises(WorkspacePathInvalid):
        path_checked(path)


def test_the_refusal_quotes_the_path_and_stays_short() -> None:
    with pytest.raises(WorkspacePathInvalid) as refusal:
        path_checked("x" * 100_000)
    assert len(refusal.value.message) < 400
