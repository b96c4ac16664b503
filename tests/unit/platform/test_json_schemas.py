"""Schemas of callers: what makes one expensive is refused, and what cannot be seen beforehand is bounded."""

from typing import Any

import pytest

from shannon_project.foundation.json_schemas import fits, schema_errors, schema_problem

DOUBLING: dict[str, Any] = {
    "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)} | {"d30": {"type": "string"}},
    "$ref": "#/$defs/d0",
}
NESTED_DOUBLING: dict[str, Any] = {
    "$defs": {
        f"d{n}": {"properties": {"a": {"$ref": f"#/$defs/d{n + 1}"}, "b": {"$ref": f"#/$defs/d{n + 1}"}}}
        for n in range(30)
    },
    "$ref": "#/$defs/d0",
}
TREE: dict[str, Any] = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "left": {"$ref": "#/$defs/node"},
                "right": {"$ref": "#/$defs/node"},
                "n": {"type": "integer"},
            },
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}
TWICE_AT_EACH_LEVEL: dict[str, Any] = {
    "allOf": [{"properties": {"x": {"$ref": "#"}}}, {"properties": {"x": {"$ref": "#"}}}]
}


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (DOUBLING, "stand for more than"),
        (NESTED_DOUBLING, "stand for more than"),
        ({"allOf": [{"$ref": "#"}]}, "without end"),
        ({"$ref": "#"}, "without end"),
        (
            {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"},
            "without",
        ),
        ({"$ref": "https://example.org/schema.json"}, "must point into the schema itself"),
        ({"$ref": "#name"}, "must point into the schema itself"),
        ({"properties": {"a": {"pattern": "(a+)+$"}}}, "`pattern`"),
        ({"patternProperties": {"a": {}}}, "`patternProperties`"),
        ({"$dynamicRef": "#x"}, "dynamicRef"),
        ({"type": "strin"}, "not valid"),
    ],
)
def test_a_schema_that_could_take_endless_work_is_refused_with_the_reason(schema: dict[str, Any], why: str) -> None:
    assert why in schema_problem(schema)


@pytest.mark.parametrize("schema", [{}, TREE, TWICE_AT_EACH_LEVEL, {"properties": {"pattern": {"type": "string"}}}])
def test_an_ordinary_schema_and_a_recursive_one_are_taken(schema: dict[str, Any]) -> None:
    assert schema_problem(schema) == ""


def test_a_recursive_schema_is_checked_all_the_way_down() -> None:
    assert fits({"left": {"right": {"n": 3}}}, TREE)
    assert not fits({"left": {"right": {"n": "three"}}}, TREE)
    assert [list(error.absolute_path) for error in schema_errors({"left": {"n": "x"}}, TREE)] == [["left", "n"]]


def test_work_that_doubles_with_every_level_of_the_value_is_given_up() -> None:
    assert fits(nested(5), TWICE_AT_EACH_LEVEL)
    assert not fits(nested(60), TWICE_AT_EACH_LEVEL)
    with pytest.raises(RecursionError, match="references"):
        schema_errors(nested(60), TWICE_AT_EACH_LEVEL)
