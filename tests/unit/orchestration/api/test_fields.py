"""Strict fields: what is taken, and what a refusal says."""

from typing import Any

import pytest
from rest_framework import serializers

from orchestration.api.http import uuid_of
from orchestration.api.serializers.base import ObjectField, OneOfField, SessionIdField, TextField, WholeNumberField
from orchestration.api.serializers.tasks import SubmitBody
from orchestration.api.views.tools import output_text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (TextField(), "text"),
        (WholeNumberField(), 5),
        (OneOfField(("a", "b")), "a"),
        (SessionIdField(), "chat:1_a.b-c"),
        (ObjectField(max_bytes=100), {"a": [1, 2.5, None, True, {"b": "…"}]}),
        (ObjectField(max_bytes=100), {"a": "a backslash \\u0000 in words"}),
        (ObjectField(max_bytes=10), {"a": "é"}),
    ],
)
def test_a_value_of_the_right_type_is_taken_as_it_is(field: Any, value: Any) -> None:
    assert field.run_validation(value) == value


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        (TextField(), 5, "must be a string"),
        (TextField(), True, "must be a string"),
        (WholeNumberField(), "5", "must be a whole number"),
        (WholeNumberField(), True, "must be a whole number"),
        (WholeNumberField(), 5.0, "must be a whole number"),
        (OneOfField(("a", "b")), "c", "must be one of: a, b"),
        (OneOfField(("a", "b")), ["a"], "must be one of: a, b"),
        (OneOfField(("a", "b")), {}, "must be one of: a, b"),
        (SessionIdField(), "a\n", "must be 1 to 128 characters"),
        (SessionIdField(), "", "blank"),
        (ObjectField(max_bytes=9), [], "must be an object"),
        (ObjectField(max_bytes=8), {"a": "é"}, "is 10 bytes of JSON; at most 8"),
        (ObjectField(max_bytes=99), {"a": "\x00"}, "NUL"),
        (ObjectField(max_bytes=99), {"a": "\\\x00"}, "NUL"),
        (ObjectField(max_bytes=99), {"\x00": 1}, "NUL"),
        (ObjectField(max_bytes=99), {"a": float("inf")}, "cannot be stored"),
        (ObjectField(max_bytes=99), {"a": "\ud800"}, "cannot be stored"),
    ],
)
def test_another_value_is_refused_and_the_refusal_says_why(field: Any, value: Any, says: str) -> None:
    with pytest.raises(serializers.ValidationError) as refused:
        field.run_validation(value)
    assert says in str(refused.value.detail)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("01a20501-da58-7901-9d47-93bb7164a547", True),
        ("01A20501-DA58-7901-9D47-93BB7164A547", True),
        ("01a20501da5879019d4793bb7164a547", False),
        ("{01a20501-da58-7901-9d47-93bb7164a547}", False),
        ("01a20501-da58-7901-9d47-93bb7164a547\n", False),
        ("task-user-1", False),
        ("", False),
    ],
)
def test_only_the_usual_form_of_a_uuid_is_an_id(text: str, known: bool) -> None:
    assert (uuid_of(text) is not None) is known


@pytest.mark.parametrize(
    ("output", "text"),
    [(None, None), ("plain", "plain"), ({"text": "391", "result": 391}, "391"), ({"a": 1}, '{"a": 1}'), ([1], "[1]")],
)
def test_an_output_has_a_text(output: Any, text: str | None) -> None:
    assert output_text(output) == text


def test_each_serializer_has_fields_of_its_own_made_of_the_same_parts() -> None:
    first, second = SubmitBody(data={"query": "a"}), SubmitBody(data={"query": "b"})
    assert first.is_valid()
    assert second.is_valid()
    assert (first.validated_data["query"], second.validated_data["query"]) == ("a", "b")
    for name, field in first.fields.items():
        other = second.fields[name]
        assert field is not other
        assert (field.parent, other.parent) == (first, second)
        child, other_child = getattr(field, "child", None), getattr(other, "child", None)
        assert child is None or (child is not other_child and child.parent is field)
    assert all(field.parent is None for field in SubmitBody._declared_fields.values())
