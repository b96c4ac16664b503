"""JMESPath as models may use it: what it finds, and what it may cost."""

from typing import Any

import jmespath
import pytest

from agents.tools import json_expressions
from agents.tools.json_expressions import ExpressionTooCostly, json_search

PEOPLE = {
    "people": [
        {"name": "Ada", "age": 36, "tags": ["x", "y"], "near": [["a"], ["b", "c"]]},
        {"name": "Bob", "age": 17, "tags": [], "near": []},
        {"name": "Eve", "age": 99, "tags": ["z"], "near": [["d"]]},
    ]
}


def search(expression: str, document: Any = PEOPLE, seconds: float = 60.0) -> Any:
    return json_search(expression, document, timeout_seconds=seconds)


@pytest.mark.parametrize(
    "expression",
    [
        "people[?age > `30`].name | sort(@)",
        "people[*].tags[]",
        "people[].near[][]",
        "people[?name == 'Ada' || age != `17`].{n: name, t: length(tags)}",
        "people[?contains(tags, 'x')].name",
        "join(', ', people[*].name)",
        "to_string(people[0])",
        "max_by(people, &age).name",
        "people[0].missing[]",
        "map(&to_string(@), people[*].age)",
        "people[::-1].age",
        "not_null(people[9], `[1]`)",
        "people[?tags == `[]`] | [0].name",
        "`0` == `false`",
    ],
)
def test_it_finds_what_the_library_finds(expression: str) -> None:
    assert search(expression) == jmespath.search(expression, PEOPLE)


@pytest.mark.parametrize(
    "expression",
    [
        " | ".join(["[@,@]"] * 60),
        " | ".join(["{a:@,b:@}"] * 60),
        " | ".join(["join('',[@,@])"] * 60),
        " | ".join(["[@,@][]"] * 60),
        " | ".join(["[@,@]"] * 60) + " | to_string(@)",
        " | ".join(["[@,@]"] * 40) + " | [@,@] | [0] == [1]",
        " | ".join(["[@,@]"] * 40) + " | contains([@], @)",
        " | ".join(["[@,@][]"] * 20) + " | join('', @) | [@,@,@,@,@,@,@,@][] | join('', @)",
        " | ".join(["[@,@][]"] * 19) + " | map(&join('', [@,@,@,@]), @)" * 3,
        " | ".join(["[@,@][]"] * 14) + " | [*].[@][] | map(&[@,@,@,@][], @)[]" * 4,
    ],
    ids=["lists", "objects", "texts", "flat", "written", "compared", "looked for", "joined", "mapped", "projected"],
)
def test_what_doubles_again_and_again_is_refused(expression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_expressions, "_WORK_MAX", 200_000)
    assert len(expression) <= 2_000
    with pytest.raises(ExpressionTooCostly):
        search(expression, "x")


def test_a_number_is_not_compared_with_a_text() -> None:
    assert search("people[?age < name]") == []


def test_time_is_limited_too() -> None:
    with pytest.raises(ExpressionTooCostly):
        search("people[*].name", seconds=-1.0)


def test_a_large_document_may_be_asked() -> None:
    rows = [{"n": n, "text": "x" * 20} for n in range(20_000)]
    assert len(search("[?n > `10000`].text", rows)) == 9_999
