"""An API is imported into the real stack; the official client, an agent and its program call its operations."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from shannon import ShannonClient
from shannon.models import TaskStatusEnum

from tests.acceptance.conftest import PATIENCE_SECONDS, Stack, stack_running
from tests.integration.agents import openapi
from tests.integration.agents.openapi.sites import ApiSite, api_site

pytestmark = pytest.mark.acceptance
PETSTORE = (Path(openapi.__file__).parent / "documents" / "petstore.yaml").read_bytes()
PROGRAM = """Run this program:
```python
names = [tools.{tool}(petId=number)["body"]["name"] for number in range(3)]
print(" and ".join(names), tools.calculator(expression="6 * 7")["result"])
```"""


@pytest.fixture(scope="module")
def site() -> Iterator[ApiSite]:
    with api_site() as running:
        json_of = {"Content-Type": "application/json"}
        running.answers["/openapi.json"] = (200, {"Content-Type": "application/yaml"}, PETSTORE)
        for number, name in enumerate(("Rex", "Tom", "Ida")):
            running.answers[f"/pet/{number}"] = (200, json_of, f'{{"id": {number}, "name": "{name}"}}'.encode())
        running.answers["/pet/9"] = (404, json_of, b'{"message": "no such pet"}')
        yield running


@pytest.fixture(scope="module")
def stack(site: ApiSite) -> Iterator[Stack]:
    """A stack whose operator lets tools reach this one address of the machine."""
    with stack_running({"SHANNON_HTTP_ENDPOINTS_ALLOWED": site.endpoint}) as running:
        yield running


@pytest.fixture
def api(stack: Stack, site: ApiSite) -> dict[str, Any]:
    """The API, imported under a name of its own."""
    body = {
        "name": f"pets_{uuid4().hex[:8]}",
        "url": f"{site.url}/openapi.json",
        "server_url": site.url,
        "operations": ["getPetById"],
        "credentials": {"api_key": {"value": "very-secret"}},
    }
    answer = httpx.post(
        f"{stack.base_url}/api/v1/openapi-apis", json=body, headers={"X-API-Key": stack.api_key}, timeout=60
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_the_official_client_lists_and_calls_an_operation(stack: Stack, site: ApiSite, api: dict[str, Any]) -> None:
    (tool,) = (one["tool"] for one in api["tools"])
    with ShannonClient(base_url=stack.base_url, api_key=stack.api_key) as client:
        assert tool in {one.name for one in client.list_tools(category="openapi")}
        done = client.execute_tool(tool, arguments={"petId": 1})
        assert (done.success, done.output) == (True, {"status": 200, "body": {"id": 1, "name": "Tom"}})
        assert site.calls[-1].headers["api_key"] == "very-secret"
        missing = client.execute_tool(tool, arguments={"petId": 9})
    assert not missing.success
    assert missing.metadata["error"]["code"] == "API_ERROR"
    assert "very-secret" not in str(missing)


def test_an_agents_program_calls_it_many_times_in_one_turn(stack: Stack, site: ApiSite, api: dict[str, Any]) -> None:
    (tool,) = (one["tool"] for one in api["tools"])
    before = len(site.calls)
    with ShannonClient(base_url=stack.base_url, api_key=stack.api_key) as client:
        task = client.submit_task(PROGRAM.format(tool=tool), mode="simple")
        status = client.wait(task.task_id, timeout=PATIENCE_SECONDS)
        timeline = client.get_task_timeline(task.task_id)
    assert status.status is TaskStatusEnum.COMPLETED, status.error_message
    assert "Rex and Tom and Ida 42" in str(status.result)
    assert [asked.path for asked in site.calls[before:]] == ["/pet/0", "/pet/1", "/pet/2"]
    assert "very-secret" not in str(timeline)
