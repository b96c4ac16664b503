"""Workflows: what a template inherits, when a condition holds, which items a list has, what cannot be."""

from typing import Any

import pytest
from pydantic import ValidationError

from orchestration.strategies.listing import items_of
from orchestration.strategies.template import holds
from orchestration.strategies.workflow import When, Workflow
from orchestration.workflows.inheritance import complete, inherited

PARENT: dict[str, Any] = {
    "name": "parent",
    "inputs": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
    "defaults": {"tier": "small", "role": "writer"},
    "nodes": [
        {"id": "first", "instruction": "one", "tools": ["calculator"]},
        {"id": "second", "instruction": "two", "depends_on": ["first"]},
    ],
}


def test_a_node_of_the_same_id_is_merged_field_by_field_and_new_ones_follow() -> None:
    child = {"name": "child", "nodes": [{"id": "second", "instruction": "other"}, {"id": "third", "instruction": "3"}]}
    nodes = inherited(child, PARENT)["nodes"]
    assert [node["id"] for node in nodes] == ["first", "second", "third"]
    assert nodes[1] == {"id": "second", "instruction": "other", "depends_on": ["first"]}


def test_a_node_can_be_taken_out_and_what_depended_on_it_is_then_refused() -> None:
    child = {"name": "child", "nodes": [{"id": "first", "remove": True}]}
    values = complete(inherited(child, PARENT))
    assert [node["id"] for node in values["nodes"]] == ["second"]
    with pytest.raises(ValidationError, match="there is no node 'first'"):
        Workflow.model_validate(values)


def test_inputs_and_defaults_are_merged_and_the_childs_go_before() -> None:
    child = {
        "name": "child",
        "inputs": {"properties": {"b": {"type": "integer"}, "a": {"type": "number"}}, "required": ["b"]},
        "defaults": {"tier": "large"},
    }
    merged = inherited(child, PARENT)
    assert merged["inputs"]["properties"] == {"a": {"type": "number"}, "b": {"type": "integer"}}
    assert merged["inputs"]["required"] == ["a", "b"]
    filled = complete(merged)
    assert {(node["tier"], node["role"]) for node in filled["nodes"]} == {("large", "writer")}
    assert "defaults" not in filled
    assert filled["name"] == "child"


def test_what_a_node_says_goes_before_the_defaults() -> None:
    values = complete({**PARENT, "nodes": [{"id": "only", "instruction": "x", "tier": "large"}]})
    assert values["nodes"][0]["tier"] == "large"


@pytest.mark.parametrize(
    ("comparison", "value", "expected"),
    [
        ({"equals": "quick"}, "quick", True),
        ({"equals": "quick"}, "  Quick\n", True),
        ({"equals": 3}, 3, True),
        ({"equals": "quick"}, "quickly", False),
        ({"equals": None}, None, True),
        ({"contains": "SEVERE"}, "this is severe.", True),
        ({"contains": "severe"}, "minor", False),
        ({"lacks": "severe"}, "minor", True),
        ({"lacks": "severe"}, "Severe", False),
        ({"above": 0.5}, "score 0.75 of 1", True),
        ({"above": 0.75}, "0.75", False),
        ({"above": 1000}, "1,234 rows", True),
        ({"below": 0}, "-2 degrees", True),
        ({"below": 10}, "no number", False),
        ({"above": 1}, "no number", False),
        ({"contains": "b"}, ["a", "b"], True),
    ],
)
def test_a_condition_holds(comparison: dict[str, Any], value: Any, expected: bool) -> None:
    assert holds(When.model_validate({"value": "inputs.x", **comparison}), value) is expected


@pytest.mark.parametrize("comparison", [{}, {"equals": "a", "contains": "a"}, {"above": 1, "below": 2}])
def test_a_condition_has_exactly_one_comparison(comparison: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="exactly one"):
        When.model_validate({"value": "inputs.x", **comparison})


@pytest.mark.parametrize(
    ("value", "items"),
    [
        (["a", 2, {"b": 1}], ["a", "2", '{"b": 1}']),
        ('Here they are: ["a", "b"] as asked', ["a", "b"]),
        ("- a\n* b\n  3. c\nnot this", ["a", "b", "c"]),
        ("[offline model] by rules\n\n1. a\n2) b", ["a", "b"]),
        ("[unclosed\n- a", ["a"]),
        ("The cities [1]:\n- Paris [2]\n- Rome [3][4]", ["Paris [2]", "Rome [3][4]"]),
        ('As said in [1], they are ["a", "b"].', ["a", "b"]),
        ("They are [4, 5].", ["4", "5"]),
        ("Nothing [] here:\n- a", ["a"]),
        ("no list at all", []),
        (None, []),
        ("[" * 100_000, []),
    ],
)
def test_the_items_of_a_list_are_found_in_json_and_in_markdown(value: Any, items: list[str]) -> None:
    assert items_of(value) == items
