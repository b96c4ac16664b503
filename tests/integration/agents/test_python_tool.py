"""The python tool on the real sandbox."""

import json
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from agents.errors import ToolInputInvalid
from agents.journal import Journal
from agents.services import tool_call
from agents.tools.base import ToolContext
from agents.tools.builtin.javascript import JavascriptTool
from agents.tools.builtin.python import PythonTool
from agents.tools.programs import ProgramTool
from agents.tools.registry import _builtin
from policy.services import policies_forget, policy_save
from policy.types import Principal
from sandbox.services import warm, workspace_open
from tests.integration.agents.steps import step_of
from tests.integration.platform.outbound.servers import Site, site

PROGRAM = """
import csv, json
rows = list(csv.DictReader(open("prices.csv")))
mean = sum(float(row["price"]) for row in rows) / len(rows)
json.dump({"mean": mean}, open("result.json", "w"))
print(mean)
"""


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """Compile before a test holds a transaction open."""
    warm()


def test_a_program_reads_the_sessions_table_and_leaves_a_file(principal: Principal) -> None:
    ctx = step_of(principal)
    workspace = workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    workspace.write("prices.csv", b"day,price\n1,2.5\n2,3.5\n")
    result = tool_call(ctx, Journal(ctx), "python", json.dumps({"code": PROGRAM}))
    assert result.ok
    assert isinstance(result.output, dict)
    assert result.output["stdout"] == "3.0\n"
    assert result.output["files_changed"] == ["result.json"]
    assert json.loads(workspace.read("result.json")) == {"mean": 3.0}


def test_an_exception_is_shown_to_the_model(principal: Principal) -> None:
    ctx = step_of(principal)
    result = tool_call(ctx, Journal(ctx), "python", json.dumps({"code": "1 / 0"}))
    assert result.ok
    assert isinstance(result.output, dict)
    assert result.output["exit_code"] == 1
    assert "ZeroDivisionError" in result.output["stderr"]


def test_a_program_may_turn_a_file_into_a_folder(principal: Principal) -> None:
    ctx = step_of(principal)
    workspace = workspace_open(tenant_id=principal.tenant_id, session_id=ctx.session_id)
    workspace.write("data", b"1")
    code = "import os\nos.remove('data')\nos.mkdir('data')\nopen('data/x', 'w').write('2')"
    assert tool_call(ctx, Journal(ctx), "python", json.dumps({"code": code})).ok
    assert [(entry.path, workspace.read(entry.path)) for entry in workspace.files()] == [("data/x", b"2")]


@pytest.fixture
def web(settings: Settings) -> Iterator[Site]:
    """A site from which programs may read."""
    with site() as server:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = f"127.0.0.1:{server.port}"
        settings.SHANNON_SANDBOX_NETWORK_HOSTS = "127.0.0.1, api.example.org"
        yield server


def context(principal: Principal) -> ToolContext:
    ctx = step_of(principal)
    return ToolContext(principal.tenant_id, ctx.session_id, ctx.task_id, timeout_seconds=60)


@pytest.mark.parametrize(
    ("tool", "code"),
    [
        (PythonTool, "import urllib.request; print(urllib.request.urlopen('URL').status)"),
        (JavascriptTool, "console.log((await fetch('URL')).status)"),
    ],
)
def test_a_program_reads_from_the_hosts_that_its_call_names(
    principal: Principal, web: Site, tool: type[ProgramTool], code: str
) -> None:
    code = code.replace("URL", f"http://127.0.0.1:{web.port}/page")
    named = tool().execute(context(principal), {"code": code, "network_hosts": ["127.0.0.1"]})
    assert named.error is None
    assert isinstance(named.output, dict)
    assert named.output["stdout"] == "200\n", named.output
    unnamed = tool().execute(context(principal), {"code": code})
    assert isinstance(unnamed.output, dict)
    assert unnamed.output["exit_code"] == 1
    assert len(web.seen) == 1


@pytest.mark.usefixtures("web")
def test_a_call_may_name_no_other_hosts_than_the_operator(principal: Principal) -> None:
    for host in ("example.org", "notapi.example.org", "169.254.169.254"):
        with pytest.raises(ToolInputInvalid, match="api"):
            PythonTool().execute(context(principal), {"code": "1", "network_hosts": [host]})


@pytest.mark.usefixtures("web")
def test_what_is_no_name_of_a_host_is_told_to_the_model(principal: Principal) -> None:
    for host in ("a_b.api.example.org", "-.api.example.org", "a b.api.example.org"):
        with pytest.raises(ToolInputInvalid, match="no lower-case name of a host"):
            PythonTool().execute(context(principal), {"code": "1", "network_hosts": [host]})


def test_hosts_are_offered_only_where_the_operator_names_some(web: Site) -> None:
    offered = PythonTool().info()
    assert offered.needs_network
    assert "network_hosts" in offered.parameters["properties"]


@pytest.mark.parametrize("tool", [PythonTool, JavascriptTool])
def test_no_hosts_are_offered_by_default(tool: type[ProgramTool]) -> None:
    info = tool().info()
    assert not info.needs_network
    assert "network_hosts" not in info.parameters["properties"]


@pytest.fixture
def offered(web: Site) -> Iterator[Site]:
    """The tools as they are made with these settings."""
    _builtin.cache_clear()
    policies_forget()
    yield web
    _builtin.cache_clear()
    policies_forget()


def test_policies_decide_on_the_hosts_that_a_call_names(principal: Principal, offered: Site) -> None:
    rego = """package tenant.network
import rego.v1
actions := {"tool.call"}
deny contains "Programs read from api.example.org only." if {
    some host in input.resource.arguments.network_hosts
    host != "api.example.org"
}
"""
    policy_save(name="network", rego=rego, tenant_id=principal.tenant_id)
    policies_forget()
    ctx = step_of(principal)
    code = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{offered.port}/page')"
    call = json.dumps({"code": code, "network_hosts": ["127.0.0.1"]})
    result = tool_call(ctx, Journal(ctx), "python", call)
    assert not result.ok
    assert "api.example.org only" in str(result.error)
    assert offered.seen == []
