"""Tools, skills, agents and files by the official client on the real stack: every method that it has for them."""

import json
from collections.abc import Iterator

import httpx
import pytest
from shannon import ShannonClient
from shannon.errors import ShannonError
from shannon.models import TaskStatusEnum

from tests.acceptance.conftest import Stack, wait_until

pytestmark = pytest.mark.acceptance


@pytest.fixture
def client(stack: Stack) -> Iterator[ShannonClient]:
    with ShannonClient(base_url=stack.base_url, api_key=stack.api_key) as connected:
        yield connected


def put(stack: Stack, path: str, content: bytes) -> None:
    """Write a file; the client only reads."""
    answer = httpx.put(f"{stack.base_url}/api/v1/{path}", content=content, headers={"X-API-Key": stack.api_key})
    assert answer.status_code in {200, 201, 204}, answer.text


def test_tools_are_listed_described_and_executed(client: ShannonClient) -> None:
    listed = {tool.name: tool for tool in client.list_tools()}
    assert {"python", "javascript", "calculator", "file_edit", "file_search", "table_query", "ask_human"} <= set(listed)
    assert {tool.name for tool in client.list_tools(category="files")} < set(listed)
    detail = client.get_tool("calculator")
    assert (detail.category, detail.parameters["required"]) == ("compute", ["expression"])
    done = client.execute_tool("calculator", arguments={"expression": "6 * 7"})
    assert (done.success, done.text, done.error) == (True, "42", None)
    with pytest.raises(ShannonError):
        client.execute_tool("calculator", arguments={"nothing": 1})
    with pytest.raises(ShannonError):
        client.get_tool("nope")


def test_files_and_tables_of_a_session_are_worked_on(client: ShannonClient, stack: Stack) -> None:
    put(stack, "sessions/client-files/files/data/sales.csv", b"region,amount\nnorth,10\nsouth,2.5\nnorth,5\n")
    tables = {"sql": "SELECT region, sum(amount) AS total FROM sales GROUP BY region ORDER BY total"}
    asked = client.execute_tool(
        "table_query", arguments={**tables, "paths": ["data/sales.csv"]}, session_id="client-files"
    )
    assert asked.success, asked.error
    assert asked.output["rows"] == [["south", 2.5], ["north", 15.0]]
    edit = {"path": "data/sales.csv", "old": "south,2.5", "new": "south,3"}
    assert client.execute_tool("file_edit", arguments=edit, session_id="client-files").success
    assert [file.name for file in client.list_session_files("client-files", path="data")] == ["sales.csv"]
    assert "south,3" in client.download_session_file("client-files", "data/sales.csv").content
    escape = client.execute_tool("file_edit", arguments={**edit, "path": "../x"}, session_id="client-files")
    assert not escape.success


def test_memory_files_are_listed_and_read(client: ShannonClient, stack: Stack) -> None:
    put(stack, "memory/files/notes/likes.md", b"tea")
    assert "notes" in [file.name for file in client.list_memory_files()]
    assert client.download_memory_file("notes/likes.md").content == "tea"


def test_skills_are_listed_and_read(client: ShannonClient) -> None:
    listed = client.list_skills()
    assert listed
    skill = client.get_skill(listed[0].name)
    assert (skill.name, bool(skill.content)) == (listed[0].name, True)
    assert skill.version in [version.version for version in client.get_skill_versions(skill.name)]
    with pytest.raises(ShannonError):
        client.get_skill("nope")


def test_a_program_of_a_skill_runs_in_the_sandbox(client: ShannonClient, stack: Stack) -> None:
    put(stack, "sessions/client-skills/files/sales.csv", b"region,amount\nnorth,10\nsouth,\nnorth,10\n")
    run = {"skill": "data-analysis", "script": "profile.py", "input": '{"path": "sales.csv"}'}
    done = client.execute_tool("skill_run", arguments=run, session_id="client-skills")
    assert done.success, done.error
    profile = json.loads(done.output["stdout"])
    assert (profile["rows"], profile["duplicate_rows"], profile["columns"]["amount"]["missing"]) == (3, 1, 1)


def test_agents_are_listed_and_asked(client: ShannonClient) -> None:
    agents = {agent.id: agent for agent in client.list_agents()}
    assert {"generalist", "analyst", "calculator", "python"} <= set(agents)
    assert client.get_agent("calculator").tool == "calculator"
    execution = client.execute_agent("calculator", {"expression": "6 * 7"}, session_id="client-agents")
    assert (execution.agent_id, execution.session_id) == ("calculator", "client-agents")
    status = client.wait(execution.task_id, timeout=60, poll_interval=0.05)
    assert (status.status, "42" in str(status.result)) == (TaskStatusEnum.COMPLETED, True)
    asked = client.execute_agent("analyst", {"query": "What is 17 * 23?"}, stream=True)
    assert "391" in str(client.wait(asked.task_id, timeout=60, poll_interval=0.05).result)
    with pytest.raises(ShannonError):
        client.get_agent("nobody")


def test_an_agents_question_is_answered_by_a_person(client: ShannonClient, stack: Stack) -> None:
    execution = client.execute_agent("ask_human", {"question": "Which market?", "options": ["Brazil", "Japan"]})
    address, headers = f"{stack.base_url}/api/v1/approvals", {"X-API-Key": stack.api_key}

    def asked() -> list[dict[str, str]]:
        rows: list[dict[str, str]] = httpx.get(
            address, params={"workflow_id": execution.task_id}, headers=headers
        ).json()["approvals"]
        return rows

    wait_until(lambda: bool(asked()), "the question")
    assert client.approve(asked()[0]["approval_id"], execution.task_id, approved=True, feedback="Japan")
    status = client.wait(execution.task_id, timeout=60, poll_interval=0.05)
    assert (status.status, "Japan" in str(status.result)) == (TaskStatusEnum.COMPLETED, True)
