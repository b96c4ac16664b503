"""Schemas without regular expressions take whatever they took before."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agents.tools.arguments import value_problem
from agents.tools.patterns import without_patterns

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a property that is called pattern": (
        {"properties": {"pattern": {"type": "string", "pattern": "x"}}},
        {"properties": {"pattern": {"type": "string"}}},
    ),
    "what must not be": ({"not": {"pattern": "x"}, "type": "string"}, {"type": "string"}),
    "one of two": ({"oneOf": [{"pattern": "x"}, {"pattern": "y"}]}, {"anyOf": [{}, {}]}),
    "one of two beside any of two": ({"oneOf": [{"pattern": "x"}], "anyOf": [{}]}, {"anyOf": [{}]}),
    "the rest": ({"patternProperties": {"^x": {}}, "additionalProperties": False}, {}),
    "a condition": ({"if": {"pattern": "x"}, "then": False, "else": False}, {}),
    "at most so many": ({"contains": {"pattern": "x"}, "maxContains": 1}, {}),
    "names": ({"propertyNames": {"pattern": "x"}}, {"propertyNames": {}}),
    "by a reference": (
        {"$defs": {"x": {"pattern": "x"}}, "not": {"$ref": "#/$defs/x"}},
        {"$defs": {"x": {}}},
    ),
    "values that look like it": ({"const": {"pattern": "x"}, "enum": [{"pattern": "x"}]},) * 2,
    "without any": ({"not": {"type": "string"}, "oneOf": [{}], "additionalProperties": False},) * 2,
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_left_out_makes_a_schema_take_more(name: str) -> None:
    schema, expected = CASES[name]
    assert without_patterns(schema) == expected


WORDS = st.sampled_from(["", "x", "y", "xy"])
VALUES = st.recursive(
    WORDS | st.integers(0, 2), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner)
)
LEAVES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{"pattern": "x"}, {"pattern": "^y$"}, {"type": "string"}, {"type": "object"}, {"const": "x"}, {}]
)


def _more(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    some = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "not": inner,
            "oneOf": some,
            "anyOf": some,
            "allOf": some,
            "if": inner,
            "then": inner,
            "else": inner,
            "items": inner,
            "contains": inner,
            "maxContains": st.integers(0, 2),
            "properties": st.dictionaries(WORDS, inner, max_size=2),
            "patternProperties": st.dictionaries(st.sampled_from(["x", "^y"]), inner, max_size=2),
            "additionalProperties": inner | st.just({"not": {}}),
            "unevaluatedProperties": st.booleans(),
            "unevaluatedItems": st.booleans(),
            "propertyNames": inner,
        },
    )


@settings(max_examples=400, deadline=None)
@given(st.recursive(LEAVES, _more, max_leaves=8), VALUES)
def test_whatever_a_schema_takes_it_takes_without_its_patterns(schema: dict[str, Any], value: Any) -> None:
    if Draft202012Validator(schema).is_valid(value):
        assert value_problem(schema, value) == ""
