"""What Python reads and JSON has not is refused."""

import json

import pytest

from shannon_project.foundation.strict_json import DECODER, json_read


@pytest.mark.parametrize("text", ['{"a": [1, -2.5e3, true, null, "NaN"]}', "[]", "1e308", '"Infinity"'])
def test_json_is_read_as_it_is(text: str) -> None:
    assert json_read(text) == json_read(text.encode()) == DECODER.raw_decode(text)[0] == json.loads(text)


@pytest.mark.parametrize("text", ["NaN", '{"a": Infinity}', "[-Infinity]", '{"a": 1e999}', "-1e400", "{", ""])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not JSON|too large|Expect"):
        json_read(text)
    with pytest.raises(ValueError, match=r"is not JSON|too large|Expect"):
        DECODER.raw_decode(text)


def test_what_is_nested_without_end_is_an_error_that_can_be_caught() -> None:
    with pytest.raises(RecursionError):
        json_read("[" * 100_000)
