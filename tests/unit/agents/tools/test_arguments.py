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
