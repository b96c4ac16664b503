"""Documents that are wrong in every place where something can be wrong, and those that cost too much."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.errors import OpenApiInvalid
from agents.tools.arguments import value_problem
from agents.tools.openapi import schemas
from agents.tools.openapi.documents import Document, document_read
from agents.tools.openapi.importing import Report, Wanted, operations_read
from agents.tools.openapi.operations import OperationRecord
from agents.tools.openapi.schemas import SchemaReader
from agents.tools.openapi.security import origins_for, schemes_of
from agents.tools.validation import schema_problem

DOCUMENTS = Path(__file__).parents[3] / "integration" / "agents" / "openapi" / "documents"
REAL = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(DOCUMENTS.glob("*.yaml"))}
BASE = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "servers": [{"url": "https://api.example"}]}


def with_operation(operation: dict[str, Any], path: str = "/a", **parts: Any) -> dict[str, Any]:
    return {**BASE, "paths": {path: {"get": {"operationId": "do", "responses": {}, **operation}}}, **parts}


def with_parameter(**parameter: Any) -> dict[str, Any]:
    return with_operation({"parameters": [{"name": "p", "in": "query", **parameter}]})


def imported(whole: dict[str, Any], **wanted: Any) -> tuple[list[OperationRecord], Report]:
    """Import it as the platform does, and look at whether what came of it can be kept and used."""
    document: Document = document_read(json.dumps(whole))
    found = Wanted(**{"api": "x", "base_url": "https://api.example/openapi.json", **wanted})
    records, report = operations_read(document, found)
    schemes, _ = schemes_of(document, found.base_url)
    origins_for([record["server"] for record in records], schemes)
    kept = json.dumps([records, report.as_json(), schemes], ensure_ascii=False, allow_nan=False)
    assert "\\u0000" not in kept
    kept.encode()  # no lone surrogate
    for record in records:
        assert not schema_problem(record["schema"]), record["schema"]
        assert not schema_problem(record.get("returns", {})), record["returns"]
    return records, report


BROKEN: dict[str, dict[str, Any]] = {
    "a NUL": with_operation({"summary": "a\0b", "tags": ["\0"], "operationId": "\0"}, path="/\0"),
    "half a character": with_operation({"summary": "a\ud800b"}),
    "no number": with_parameter(schema={"type": "number", "default": float("nan"), "enum": [float("inf")]}),
    "an endless number": with_parameter(schema={"maximum": 10**400}),
    "parameters that are a number": with_operation({"parameters": 5}),
    "tags that are a number": with_operation({"tags": 5}),
    "a place that is a list": with_operation({"parameters": [{"name": "p", "in": ["query"]}]}),
    "a style that is a list": with_parameter(style=["form"]),
    "content that is nothing": with_parameter(content={"application/json": None}),
    "an address that is none": with_operation({}, servers=[{"url": "http://[x"}]),
    "a variable that makes it none": with_operation(
        {}, servers=[{"url": "https://{x}", "variables": {"x": {"default": "[::"}}}]
    ),
    "a body that is a number": with_operation({"requestBody": {"content": {"application/json": 5}}}),
    "an encoding that is a list": with_operation(
        {"requestBody": {"content": {"multipart/form-data": {"encoding": {"a": {"style": ["x"]}}}}}}
    ),
    "an operation that is a list": {**BASE, "paths": {"/a": {"get": []}}},
    "security that is a list of lists": with_operation({"security": [["a"]]}),
    "a scheme in a place that is a list": with_operation(
        {}, components={"securitySchemes": {"o": {"type": "apiKey", "in": ["header"], "name": "a"}}}
    ),
    "a token's address that is none": with_operation(
        {},
        components={
            "securitySchemes": {"o": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "http://[x"}}}}
        },
    ),
    "a multiple of nothing": with_parameter(schema={"type": "number", "multipleOf": 0}),
    "less than no characters": with_parameter(schema={"type": "string", "minLength": -1}),
    "no type at all": with_parameter(schema={"type": []}),
    "a flag where 3.1 has a number": with_parameter(schema={"exclusiveMinimum": True, "minimum": 1}),
    "names that are required twice": with_parameter(schema={"required": ["a", "a"]}),
    "a list of types for a file": with_operation(
        {
            "requestBody": {
                "content": {
                    "multipart/form-data": {
                        "schema": {
                            "properties": {"f": {"type": ["string", "null"], "contentMediaType": "image/png"}},
                        }
                    }
                }
            }
        }
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_in_a_document_costs_at_most_its_operation(name: str) -> None:
    imported(BROKEN[name])


def test_numbers_that_only_yaml_has_are_left_out() -> None:
    text = "openapi: 3.1.0\npaths: {/a: {get: {parameters: [{name: p, in: query, schema: {default: .nan}}]}}}\n"
    read = document_read(text + f"x-large: 0x{'f' * 10_000}\n")
    assert read.root["paths"]["/a"]["get"]["parameters"][0]["schema"] == {"default": None}
    assert read.root["x-large"] is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("#/components/schemas/Pet"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(REAL)), st.data())
def test_a_real_document_with_anything_in_place_of_anything_is_read_or_refused(name: str, data: st.DataObject) -> None:
    whole = json.loads(json.dumps(REAL[name], default=str))
    holder: Any = whole
    for _ in range(data.draw(st.integers(0, 8))):
        inner = [one for one in (holder.values() if isinstance(holder, dict) else holder) if one]
        inner = [one for one in inner if isinstance(one, dict | list)]
        if not inner:
            break
        holder = data.draw(st.sampled_from(inner))
    key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else list(range(len(holder)))))
    holder[key] = data.draw(JSON)
    try:
        imported(whole)
    except OpenApiInvalid:
        return


def test_a_name_that_not_every_provider_takes_is_one_that_all_take() -> None:
    names = ["filter[name]", "filter[name", "filter_name", "id", "id_query", "x" * 150, "%", "body"]
    parameters = [{"name": name, "in": "query", "schema": {}} for name in names]
    path_id = {"name": "id", "in": "path", "required": True, "schema": {}}
    (record,), _ = imported(with_operation({"parameters": [path_id, *parameters]}, path="/{id}"))
    arguments = [parameter["argument"] for parameter in record["parameters"]]
    assert [parameter["name"] for parameter in record["parameters"]] == ["id", *names]
    assert len(set(arguments)) == len(arguments) == len(record["schema"]["properties"])
    assert all(len(one) <= 64 and one.replace("_", "a").isalnum() for one in arguments), arguments
    assert "body" not in arguments


def test_what_is_written_once_and_referred_to_often_costs_no_more_than_a_tool_may() -> None:
    wide = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(20_000)}}
    whole = {
        **BASE,
        "paths": {},
        "components": {
            "schemas": {
                "Wide": wide,
                "Long": {"type": "string", "default": "x" * 100_000, "title": "y" * 100_000, "enum": ["z" * 100_000]},
                "Named": {"type": "object", "properties": {"n" * 100_000: {}}, "required": ["n" * 100_000]},
                "Often": {
                    "anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Wide", "Long", "Named") * 500],
                },
            }
        },
    }
    reader = SchemaReader(document_read(json.dumps(whole)))
    found = reader.read({"$ref": "#/components/schemas/Often"})
    assert reader.simplified
    assert len(json.dumps(found)) < 2 * schemas._CHARACTERS_MAX
    assert not schema_problem(found)


def test_an_object_that_is_shown_in_part_takes_the_rest_too() -> None:
    wide = {
        "type": "object",
        "additionalProperties": False,
        "properties": {f"p{n}": {"type": "string"} for n in range(5_000)},
    }
    (record,), report = imported(with_parameter(schema=wide))
    shown = record["schema"]["properties"]["p"]
    assert report.simplified == ["do"]
    assert 0 < len(shown["properties"]) < 5_000
    assert "additionalProperties" not in shown


def test_of_alternatives_that_do_not_all_fit_any_will_do() -> None:
    many = [{"type": "object", "properties": {"a": {"const": n}, "b": {}, "c": {}}} for n in range(1_000)]
    (record,), _ = imported(with_parameter(schema={"oneOf": many, "anyOf": many}))
    shown = record["schema"]["properties"]["p"]
    assert "oneOf" not in shown  # an instance that fits two of them would be refused
    assert shown.get("anyOf", [{}])[-1] == {}


def test_alternatives_that_contain_themselves_do_not_exclude_each_other() -> None:
    again = {"$ref": "#/components/schemas/Filter"}
    choice = {"Filter": {"oneOf": [{"type": "string"}, again], "not": again}}
    (record,), _ = imported(with_parameter(schema=again) | {"components": {"schemas": choice}})
    assert value_problem(record["schema"], {"p": "name=x"}) == ""


def test_an_address_with_variables_is_written_once() -> None:
    bomb = [{"url": "https://a.example/" + "{x}" * 500, "variables": {"x": {"default": "{x}" * 1_000}}}]
    records, report = imported(with_operation({}, servers=bomb))
    assert records == []
    assert "no address" in report.left_out[0]["reason"]


def test_operations_that_cannot_be_tools_are_tried_only_so_often() -> None:
    item = {"get": {"parameters": [{"name": "p", "in": "query", "style": "none"}]}}
    paths = {f"/{n}": {"$ref": "#/components/pathItems/It"} for n in range(200)}
    _, report = imported({**BASE, "paths": paths, "components": {"pathItems": {"It": item}}}, limit=2)
    reasons = [one["reason"] for one in report.left_out]
    assert len(reasons) == 200
    assert len([reason for reason in reasons if "style" in reason]) == 16


def test_what_is_not_supported_is_reported() -> None:
    get = {
        "operationId": "do",
        "requestBody": {"content": {"application/protobuf": {}}},
        "callbacks": {"onDone": {}},
    }
    whole = {**BASE, "paths": {"/a": {"get": get, "trace": {"operationId": "tr"}}}, "webhooks": {"newPet": {}}}
    (record,), report = imported(whole)
    assert "body" not in record
    assert report.problems == [
        "do: its body is left out, since it is written as application/protobuf",
        "do: its callbacks are left out: onDone",
        "webhooks are left out: newPet",
    ]
    assert report.left_out == [{"operation": "tr", "reason": "The method TRACE is never sent."}]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"not": {"pattern": "x"}}, "y"),
        ({"not": {"const": "x" * 5_000}}, "y"),
        ({"oneOf": [{"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^b"}]}, "a"),
        ({"type": "object", "patternProperties": {"^x-": {}}, "additionalProperties": False}, {"x-a": 1}),
        ({"not": {"if": {"type": "string"}, "then": {"const": 1}}}, "y"),
    ],
    ids=["not", "not a large value", "one of", "the rest", "not a condition"],
)
def test_what_only_a_keyword_that_is_left_out_tells_apart_is_taken(schema: dict[str, Any], value: Any) -> None:
    (record,), _ = imported(with_parameter(schema=schema))
    assert value_problem(record["schema"], {"p": value}) == ""


def test_alternatives_that_are_shown_as_they_are_exclude_each_other() -> None:
    choice = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
    (record,), _ = imported(with_parameter(schema=choice))
    assert record["schema"]["properties"]["p"]["oneOf"] == choice["oneOf"]


def answers(responses: Any, **parts: Any) -> dict[str, Any]:
    (record,), _ = imported(with_operation({"operationId": "do", "responses": responses}, **parts))
    return dict(record.get("returns", {}))


def json_body(schema: Any, media_type: str = "application/json") -> dict[str, Any]:
    return {"description": "", "content": {media_type: {"schema": schema}}}


PET: dict[str, Any] = {
    "type": "object",
    "properties": {"id": {"type": "integer", "readOnly": True}, "secret": {"type": "string", "writeOnly": True}},
    "required": ["id", "secret"],
}


def test_the_schema_of_an_answer_is_that_of_what_succeeds() -> None:
    stated = answers({"200": json_body(PET), "404": json_body({"type": "string"}), "default": json_body({"enum": [1]})})
    assert stated["properties"]["body"] == {
        "type": "object",
        "properties": {"id": {"type": "integer"}},
        "required": ["id"],
    }
    assert not schema_problem(stated)
    assert value_problem(stated, {"status": 200, "body": {"id": 3}}) == ""
    assert value_problem(stated, {"status": 204}) == "", "not every answer has a body"
    assert value_problem(stated, {"status": 200, "body": {"id": "three"}})


def test_of_several_that_succeed_any_may_come() -> None:
    stated = answers(
        {"200": json_body(PET), "2XX": json_body({"type": "array"}, "application/hal+json; charset=utf-8")}
    )
    assert len(stated["properties"]["body"]["anyOf"]) == 2
    assert answers({"200": json_body(PET), "201": json_body(PET)})["properties"]["body"]["type"] == "object"


@pytest.mark.parametrize(
    "responses",
    [
        {},
        5,
        [],
        {"200": 5},
        {"200": {"content": 5}},
        {"200": {"content": {"application/json": 5}}},
        {"200": {"content": {"text/html": {"schema": PET}}}},
        {"404": json_body(PET)},
        {"200": json_body(PET), "201": json_body(None)},
        {"200": {"$ref": "#/nothing"}},
        {str(status): json_body({"const": status}) for status in range(200, 210)},
    ],
    ids=str,
)
def test_where_a_document_does_not_say_it_the_answer_is_not_known(responses: Any) -> None:
    assert answers(responses) == {}


def test_a_large_answer_costs_no_operation() -> None:
    again = {"$ref": "#/components/schemas/Wide"}
    wide = {"type": "object", "properties": {f"p{n}": {"description": "d" * 300} for n in range(2_000)}}
    paths = {f"/{n}": {"get": {"operationId": f"do{n}", "responses": {"200": json_body(again)}}} for n in range(100)}
    records, report = imported({"openapi": "3.1.0", "paths": paths, "components": {"schemas": {"Wide": wide}}})
    assert (len(records), report.left_out) == (100, [])
    assert all(len(json.dumps(record["returns"])) < 20_000 for record in records)
    assert report.simplified == [], "what may be called is whole"
