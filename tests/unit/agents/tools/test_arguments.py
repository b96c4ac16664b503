"""Values against schemas, some of which somebody else wrote."""

from typing import Any

import pytest

from agents.tools.arguments import value_problem


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "int"},
        {"multipleOf": 0},
        {"minimum": "x"},
        {"required": 5},
        {"properties": 5, "type": "object"},
        {"$ref": "https://elsewhere.example/schema.json"},
        {"$ref": "#/nothing"},
        {"$dynamicRef": "#nothing"},
        {"anyOf": 5},
        {"enum": 5},
    ],
    ids=str,
)
@pytest.mark.parametrize("value", [3, {"a": 1}])
def test_a_schema_that_is_none_is_a_problem_and_never_a_defect(schema: dict[str, Any], value: Any) -> None:
    assert isinstance(value_problem(schema, value), str)


def test_what_is_wrong_with_a_schema_is_said() -> None:
    assert value_problem({"type": "int"}, 3).startswith("the schema cannot be used: Unknown type")
    assert value_problem({"type": "object", "properties": {"a": {"multipleOf": 0}}}, {"a": 3}).startswith(
        "the schema cannot be used"
    )


def test_a_schema_that_doubles_again_and_again_does_not_take_for_ever() -> None:
    last = 60
    pairs = {f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(last)}
    schema = {"$ref": "#/$defs/a0", "$defs": {**pairs, f"a{last}": {"type": "null"}}}
    assert value_problem(schema, 1) == "", "what takes too long is left to whoever wrote the schema"


def test_what_one_value_took_is_not_missing_to_the_next() -> None:
    many = [{"a": n} for n in range(30_000)]
    schema = {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "integer"}}}}
    for _ in range(3):
        assert value_problem(schema, [*many[:1_000], {"a": "x"}]).startswith("1000.a")
        assert value_problem(schema, many) == ""


def test_items_that_would_be_compared_each_with_each_are_not_when_they_are_many() -> None:
    schema = {"type": "array", "uniqueItems": True}
    assert value_problem(schema, [{"a": 1}, {"a": 1}])
    assert value_problem(schema, [{"a": n} for n in range(50_000)]) == ""


def test_a_pattern_is_compared_with_nothing() -> None:
    assert value_problem({"type": "string", "pattern": "^(a+)+$"}, "a" * 60 + "!") == ""
    assert value_problem({"type": "string", "not": {"pattern": "b"}}, "b") == ""
