"""Reading OpenAPI documents: broken ones, hostile ones, and what becomes of their schemas."""

import json
from typing import Any

import pytest

from agents.errors import OpenApiInvalid
from agents.tools.openapi.documents import Document, document_read
from agents.tools.openapi.importing import Report, Wanted, operations_read
from agents.tools.openapi.operations import OperationRecord
from agents.tools.openapi.schemas import SchemaReader
from agents.tools.openapi.security import schemes_of


def document(**parts: Any) -> Document:
    whole = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}, **parts}
    return document_read(json.dumps(whole))


def operations(read: Document, **wanted: Any) -> tuple[list[OperationRecord], Report]:
    return operations_read(read, Wanted(**{"api": "x", "base_url": "https://api.example/openapi.json", **wanted}))


def schema_of(schemas: dict[str, Any], name: str, version: str = "3.1.0") -> tuple[dict[str, Any], bool]:
    reader = SchemaReader(document(openapi=version, components={"schemas": schemas}))
    return reader.read({"$ref": f"#/components/schemas/{name}"}), reader.simplified


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "a: b: c",
        '{"openapi": "3.1.0"}',
        '{"openapi": "4.0.0", "paths": {}}',
        '{"swagger": "2.0", "paths": {}}',
        "openapi: 3.1.0\npaths: !!python/object/apply:os.system ['true']",
        "[" * 100_000,
        '{"openapi": "3.0.0", "paths": ' + '{"a":' * 150 + "1" + "}" * 150 + "}",
    ],
    ids=["empty", "list", "cut", "bad yaml", "no paths", "4", "swagger 2", "python object", "brackets", "deep"],
)
def test_what_is_no_document_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(OpenApiInvalid):
        document_read(text)


def test_a_yaml_bomb_is_refused() -> None:
    lines = ["openapi: 3.1.0", "paths: {}", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(OpenApiInvalid, match="more than"):
        document_read("\n".join(lines))


def test_a_yaml_document_that_contains_itself_is_refused() -> None:
    with pytest.raises(OpenApiInvalid):
        document_read("openapi: 3.1.0\npaths: &p\n  /x: *p")


def test_merge_keys_which_unfold_without_bound_are_refused() -> None:
    lines = ["openapi: 3.1.0", "paths: {}", "l0: &l0 {a: 1}"]
    lines += [f"l{n}: &l{n} {{<<: [{', '.join([f'*l{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    with pytest.raises(OpenApiInvalid, match="merge keys"):
        document_read("\n".join(lines))


def test_yaml_and_json_are_read_alike() -> None:
    read = document_read("openapi: 3.0.3\npaths:\n  /a:\n    get:\n      responses:\n        200: {description: ok}\n")
    assert read.root["paths"]["/a"]["get"]["responses"] == {"200": {"description": "ok"}}


def test_a_schema_that_contains_itself_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}, "v": {"type": "integer"}}}
    found, simplified = schema_of({"Node": node}, "Node")
    assert found["properties"] == {"next": {"description": "A Node again."}, "v": {"type": "integer"}}
    assert simplified


def test_schemas_that_unfold_exponentially_cost_no_more_than_the_bounds_say() -> None:
    schemas: dict[str, Any] = {"S0": {"type": "string"}}
    for n in range(1, 40):
        inner = {"$ref": f"#/components/schemas/S{n - 1}"}
        schemas[f"S{n}"] = {"type": "object", "properties": dict.fromkeys("abcdefgh", inner)}
    found, simplified = schema_of(schemas, "S39")
    assert simplified
    assert len(json.dumps(found)) < 200_000


def test_references_that_lead_in_a_ring_or_nowhere_or_elsewhere_take_anything() -> None:
    schemas = {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}}
    assert schema_of(schemas, "A")[0] == {"description": "A A again."}
    read = document()
    reader = SchemaReader(read)
    assert reader.read({"$ref": "#/nothing"}) == {}
    assert reader.read({"$ref": "https://evil.example/schema.json"}) == {}
    assert reader.read({"$ref": "file:///etc/passwd"}) == {}
    assert len(read.problems) == 3


def test_the_words_of_3_0_become_those_of_json_schema() -> None:
    old = {"type": "number", "nullable": True, "minimum": 1, "exclusiveMinimum": True, "maximum": 9}
    assert schema_of({"N": old}, "N", "3.0.3")[0] == {"type": ["number", "null"], "exclusiveMinimum": 1, "maximum": 9}


def test_what_cannot_be_sent_and_what_could_take_for_ever_is_left_out() -> None:
    thing = {
        "type": "object",
        "required": ["id", "name"],
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            "name": {"type": "string", "pattern": "^(a+)+$", "x-order": 1, "example": "n"},
            "odd": {"type": "file", "minLength": "many"},
        },
    }
    found, _ = schema_of({"T": thing}, "T")
    assert found == {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "odd": {}}}


def test_operations_are_named_and_those_of_one_name_are_reported() -> None:
    same = {"operationId": "same", "responses": {}}
    read = document(paths={"/a": {"get": same}, "/b": {"get": same, "post": {"responses": {}}}, "no": {"get": same}})
    records, report = operations(read)
    assert [record["tool"] for record in records] == ["api__x__same", "api__x__post_b"]
    assert report.left_out == [{"operation": "same", "reason": "Another operation has this name."}]
    assert (report.operations, report.imported) == (3, 2)


def test_long_names_stay_unique() -> None:
    paths = {f"/a{n}": {"get": {"operationId": "x" * 80 + str(n), "responses": {}}} for n in range(3)}
    records, _ = operations(document(paths=paths))
    assert len({record["tool"] for record in records}) == 3
    assert all(len(record["tool"]) <= 64 for record in records)


def test_operations_are_chosen_by_tag_or_name_and_the_rest_is_counted() -> None:
    paths: dict[str, Any] = {
        f"/{n}": {"get": {"operationId": n, "tags": [n[0]], "responses": {}}} for n in ("a1", "a2", "b1", "c1")
    }
    records, report = operations(document(paths=paths), tags=["a"], operations=["c1"])
    assert [record["operation"] for record in records] == ["a1", "a2", "c1"]
    assert report.filtered == 1
    records, report = operations(document(paths=paths), limit=2)
    assert (len(records), len(report.left_out)) == (2, 2)


def test_parameters_of_a_path_and_an_operation_come_together_and_names_stay_apart() -> None:
    path = {
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
        "get": {
            "parameters": [
                {"name": "id", "in": "query", "schema": {"type": "string"}},
                {"name": "body", "in": "query", "schema": {"type": "string"}},
                {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
            ],
            "responses": {},
        },
    }
    record = operations(document(paths={"/{id}/{other}": path}))[0][0]
    assert record["schema"]["properties"].keys() == {"id", "other", "id_query", "body_query"}
    assert record["schema"]["required"] == ["id", "other"]


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ({"parameters": [{"name": "q", "in": "body"}]}, "in no known place"),
        ({"parameters": [{"name": "q", "in": "query", "style": "matrix"}]}, "style matrix"),
        ({"parameters": [{"name": "q", "in": "query", "content": {"text/csv": {}}}]}, "text/csv"),
        ({"requestBody": {"required": True, "content": {"application/x-protobuf": {}}}}, "application/x-protobuf"),
        ({"servers": [{"url": "/v1"}]}, "server_url"),
    ],
)
def test_what_cannot_be_called_is_reported_with_the_reason(operation: dict[str, Any], reason: str) -> None:
    read = document(paths={"/a": {"post": {**operation, "responses": {}}}}, servers=[{"url": "https://api.example"}])
    records, report = operations_read(read, Wanted(api="x"))
    assert records == []
    assert reason in report.left_out[0]["reason"]


@pytest.mark.parametrize(
    ("servers", "base_url", "address"),
    [
        ([{"url": "https://a.example/v1/"}], "", "https://a.example/v1"),
        ([{"url": "/v2"}], "https://b.example/docs/openapi.json", "https://b.example/v2"),
        ([], "https://b.example/docs/openapi.json", "https://b.example"),
        (
            [{"url": "https://{region}.example/{v}", "variables": {"region": {"default": "eu"}, "v": {"default": 1}}}],
            "",
            "https://eu.example/1",
        ),
    ],
)
def test_the_address_of_a_server(servers: list[Any], base_url: str, address: str) -> None:
    read = document(paths={"/a": {"get": {"responses": {}}}}, servers=servers)
    assert operations_read(read, Wanted(api="x", base_url=base_url))[0][0]["server"] == address


def test_security_schemes_are_known_by_what_they_need() -> None:
    flow = {"tokenUrl": "/token", "scopes": {}}
    schemes = {
        "k": {"type": "apiKey", "in": "query", "name": "key"},
        "b": {"type": "http", "scheme": "Bearer"},
        "p": {"type": "http", "scheme": "basic"},
        "o": {"type": "oauth2", "flows": {"clientCredentials": flow}},
        "code": {"type": "oauth2", "flows": {"authorizationCode": flow}},
        "oidc": {"type": "openIdConnect", "openIdConnectUrl": "https://x.example"},
        "mutual": {"type": "mutualTLS"},
        "digest": {"type": "http", "scheme": "digest"},
    }
    found, problems = schemes_of(document(components={"securitySchemes": schemes}), "https://a.example/d.json")
    kinds = {name: scheme["kind"] for name, scheme in found.items()}
    assert kinds == {"k": "key", "b": "bearer", "p": "basic", "o": "oauth2", "code": "bearer", "oidc": "bearer"}
    assert found["o"]["token_url"] == "https://a.example/token"
    assert len(problems) == 2
