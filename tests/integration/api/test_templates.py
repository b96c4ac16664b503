"""Templates over HTTP."""

import json
from typing import Any

import pytest

from orchestration.models import Task
from orchestration.workflows.service import templates_load
from tests.integration.api.callers import Caller, error_of
from tests.integration.orchestration.playing import play

pytestmark = pytest.mark.django_db(transaction=True)
MINE = "name: mine\ndescription: Adds.\nnodes:\n  - {id: a, instruction: 'What is 1 + 1?'}\n"


def post(caller: Caller, path: str, body: dict[str, Any]) -> Any:
    return caller.client.post(path, data=json.dumps(body), content_type="application/json")


def test_a_template_is_saved_in_versions_and_listed_with_the_platforms(caller: Caller) -> None:
    templates_load()
    assert post(caller, "/api/v1/templates", {"source": MINE}).status_code == 201
    assert post(caller, "/api/v1/templates", {"source": MINE}).status_code == 200
    assert post(caller, "/api/v1/templates", {"source": MINE.replace("1 + 1", "2 + 2")}).json()["version"] == 2
    listed = {item["name"]: item for item in caller.client.get("/api/v1/templates").json()["templates"]}
    assert (listed["mine"]["version"], listed["mine"]["is_own"]) == (2, True)
    assert listed["triage"]["is_own"] is False
    assert "1 + 1" in caller.client.get("/api/v1/templates/mine?version=1").json()["source"]


@pytest.mark.parametrize(
    ("name", "inputs", "told"),
    [
        ("calculation", {"expressions": ["1 + 1"], "expresions": []}, "has no input expresions; it has expressions"),
        ("mine", {"x": 1}, "has no input x; it has none"),
    ],
)
def test_an_input_that_the_template_has_not_is_refused_by_name(
    caller: Caller, name: str, inputs: dict[str, Any], told: str
) -> None:
    templates_load()
    assert post(caller, "/api/v1/templates", {"source": MINE}).status_code == 201
    for path, body in (
        (f"templates/{name}/dry-run", {"inputs": inputs}),
        ("tasks", {"query": "x", "template": name, "template_inputs": inputs}),
    ):
        answer = post(caller, f"/api/v1/{path}", body)
        assert answer.status_code == 400
        assert told in answer.json()["error"]["message"]
    open_one = MINE.replace("nodes:", "inputs: {type: object, additionalProperties: true}\nnodes:")
    assert post(caller, "/api/v1/templates", {"source": open_one}).status_code == 201
    assert post(caller, "/api/v1/templates/mine/dry-run", {"inputs": {"x": 1}}).status_code == 200


def test_a_dry_run_shows_graph_and_worst_case_and_runs_nothing(caller: Caller) -> None:
    templates_load()
    inputs = {"expressions": ["1 + 1"]}
    answer = post(caller, "/api/v1/templates/calculation/dry-run", {"inputs": inputs}).json()
    assert answer["graph"]["edges"] == [{"from": "compute", "to": "list"}, {"from": "check", "to": "list"}]
    nodes = {node["id"]: node["worst_case"] for node in answer["graph"]["nodes"]}
    # an agent of ten turns and one more for its form, tried twice; three chains and a judge, each form asked for twice
    assert {name: worst["model_calls"] for name, worst in nodes.items()} == {"compute": 22, "check": 8, "list": 1}
    worst = answer["graph"]["worst_case"]
    assert (worst["model_calls"], worst["tokens"], worst["is_budget"]) == (31, 2_000_000, True)
    assert nodes["list"]["tokens"] == 128_000
    assert 0 < float(nodes["list"]["cost_usd"]) <= float(worst["cost_usd"]) <= 20
    unknown = caller.client.get("/api/v1/templates/calculation").json()["graph"]
    assert {node["id"]: node["worst_case"]["model_calls"] for node in unknown["nodes"]} == {
        "compute": 440,
        "check": 160,
        "list": 1,
    }
    assert not Task.objects.exists()


def test_the_worst_case_is_never_below_what_a_run_took(caller: Caller) -> None:
    templates_load()
    inputs = {"expressions": ["1 + 1", "6 * 7"]}
    worst = post(caller, "/api/v1/templates/calculation/dry-run", {"inputs": inputs}).json()["graph"]["worst_case"]
    body = {"query": "x", "template": "calculation", "template_inputs": inputs}
    task = play(Task.objects.get(id=post(caller, "/api/v1/tasks", body).json()["task_id"]).id)
    assert 0 < task.model_calls <= worst["model_calls"]
    assert task.prompt_tokens + task.completion_tokens <= worst["tokens"]
    assert float(task.cost_usd) <= float(worst["cost_usd"])


def test_a_template_of_ones_own_is_deleted_and_the_platforms_is_not(caller: Caller) -> None:
    templates_load()
    post(caller, "/api/v1/templates", {"source": MINE})
    assert caller.client.delete("/api/v1/templates/mine").status_code == 204
    error_of(caller.client.delete("/api/v1/templates/mine"), 404)
    error_of(caller.client.delete("/api/v1/templates/triage"), 404)


def test_what_is_wrong_is_told_with_its_line(caller: Caller) -> None:
    error = error_of(post(caller, "/api/v1/templates", {"source": MINE + "colour: red\n"}), 400)
    assert error["code"] == "TEMPLATE_INVALID"
    assert error["message"].startswith("source:5: colour")
    broken = error_of(post(caller, "/api/v1/templates", {"source": "name: mine\nnodes: [\n"}), 400)
    assert broken["message"].startswith("source:3: ")


def test_a_template_that_is_not_there_is_a_404(caller: Caller) -> None:
    error_of(caller.client.get("/api/v1/templates/nobody"), 404)
    error_of(post(caller, "/api/v1/templates/nobody/dry-run", {}), 404)
    error_of(post(caller, "/api/v1/tasks", {"query": "x", "context": {"template": "nobody"}}), 404)


def test_a_task_names_its_template_in_a_field_or_in_its_context(caller: Caller) -> None:
    templates_load()
    context = {"template": "calculation", "template_inputs": {"expressions": ["1 + 1"]}}
    assert post(caller, "/api/v1/tasks", {"query": "x", "context": context}).status_code == 200
    assert post(caller, "/api/v1/tasks", {"query": "x", **context}).status_code == 200
    assert set(Task.objects.values_list("strategy", flat=True)) == {"template"}
    error_of(post(caller, "/api/v1/tasks", {"query": "x", "mode": "template"}), 400)
    error_of(post(caller, "/api/v1/tasks", {"query": "x", "mode": "simple", "template": "calculation"}), 400)
