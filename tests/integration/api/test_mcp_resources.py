"""What the platform's own MCP server shows as resources, and to whom."""

from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from pytest_django.fixtures import Settings

from agents.memory.fake import FakeEmbedder
from agents.models import Memory
from agents.services import memory_remember
from orchestration.api.mcp import resources
from orchestration.api.mcp.task_tools import call
from orchestration.errors import ResourceNotFound
from policy.errors import ScopeMissing
from policy.types import Principal
from sandbox.errors import WorkspaceFileMissing
from sandbox.services import memory_files_open
from shannon_project.foundation.errors import InvalidInput, NotFound, ShannonError
from shannon_project.foundation.ids import uuid7
from tests.integration.api.callers import ALL_SCOPES, Caller, caller_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _cheap(settings: Settings) -> None:
    settings.SHANNON_EMBEDDER = f"{FakeEmbedder.__module__}.{FakeEmbedder.__name__}"


async def two() -> tuple[Caller, Caller]:
    return await sync_to_async(caller_of)("ours", ALL_SCOPES), await sync_to_async(caller_of)("theirs", ALL_SCOPES)


async def uris_of(principal: Principal) -> set[str]:
    return {str(one.uri) for one in await resources.recent(principal)}


def remember(caller: Caller, answer: str) -> Memory:
    memory_remember(tenant_id=caller.tenant.id, session_id=None, task_id=uuid7(), query="What is it?", answer=answer)
    return Memory.objects.get(tenant=caller.tenant, content__contains=answer)


async def test_what_is_remembered_is_listed_and_read_by_its_tenant_alone() -> None:
    ours, theirs = await two()
    memory = await sync_to_async(remember)(ours, "it is 42")
    uri = f"shannon://memories/{memory.id}"
    assert uri in await uris_of(ours.principal)
    contents: Any = await resources.read(ours.principal, uri)
    assert contents.mime_type == "application/json"
    assert "it is 42" in contents.text
    assert str(memory.task_id) in contents.text
    assert uri not in await uris_of(theirs.principal)
    for principal, wanted in (
        (theirs.principal, uri),
        (ours.principal, f"shannon://memories/{uuid4()}"),
        (ours.principal, "shannon://memories/nonsense"),
        (ours.principal, f"{uri}/x"),
        (ours.principal, f"{uri}\n"),
    ):
        with pytest.raises(ResourceNotFound):
            await resources.read(principal, wanted)


async def test_memory_files_are_the_persons_own() -> None:
    ours, theirs = await two()
    files = memory_files_open(tenant_id=ours.tenant.id, user_id=ours.principal.user_id)
    await sync_to_async(files.write)("über uns.md", b"# We")
    await sync_to_async(files.write)("deep/b.bin", b"\xff\xfe")
    uri = "shannon://memory/files/%C3%BCber%20uns.md"
    assert uri in await uris_of(ours.principal)
    text: Any = await resources.read(ours.principal, uri)
    assert (text.text, text.mime_type) == ("# We", "text/markdown")
    blob: Any = await resources.read(ours.principal, "shannon://memory/files/deep/b.bin")
    assert blob.blob == "//4="
    other = replace(ours.principal, user_id="somebody else")
    for principal in (theirs.principal, other):
        assert uri not in await uris_of(principal)
        with pytest.raises(WorkspaceFileMissing):
            await resources.read(principal, uri)
    for path in ("../x", "%2e%2e/x", "/etc/passwd", "a%00b"):
        with pytest.raises(ShannonError):
            await resources.read(ours.principal, f"shannon://memory/files/{path}")


async def test_a_key_sees_what_its_scopes_permit() -> None:
    ours, _ = await two()
    memory = await sync_to_async(remember)(ours, "it is 42")
    reader = await sync_to_async(caller_of)("ours", ["tasks:read"])
    assert not [uri for uri in await uris_of(reader.principal) if "memor" in uri or "sessions" in uri]
    for uri in (f"shannon://memories/{memory.id}", "shannon://memory/files/a.md", "shannon://sessions/x/history"):
        with pytest.raises(ScopeMissing):
            await resources.read(reader.principal, uri)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("submit_task", {"query": "a\0b", "wait_seconds": 0}),
        ("submit_task", {"query": "a\ud800b", "wait_seconds": 0, "session_id": "s\0"}),
        ("submit_task", {"query": "x", "mode": "m\0"}),
        ("search_memory", {"query": "a\0b\ud800"}),
        ("judge_answer", {"task_id": str(uuid4()), "rating": "good", "comment": "\0"}),
        ("cancel_task", {"task_id": "\0"}),
    ],
)
async def test_what_the_database_does_not_keep_is_cleaned_or_refused(name: str, arguments: dict[str, Any]) -> None:
    ours, _ = await two()

    async def report(*_: object) -> None:
        """Nobody listens."""

    with suppress(InvalidInput, NotFound):  # and nothing else
        await call(ours.principal, name, arguments, report)
