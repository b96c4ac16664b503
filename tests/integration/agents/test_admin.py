"""The admin's window on sessions, memory and journal."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agents.journal import Journal
from agents.models import Blob, JournalEntry, Memory, Message, Session
from agents.services import answer_remember, blob_put, memories_write, message_append, notes_write, tool_call
from policy.types import Principal
from tests.integration.agents.steps import step_of


@pytest.fixture
def admin(principal: Principal) -> Client:
    """Somebody who may see everything, in a database that holds a row of each kind."""
    ctx = step_of(principal)
    journal = Journal(ctx)
    tool_call(ctx, journal, "calculator", '{"expression": "6 * 7"}')
    memories_write(answer_remember(ctx, journal, "What is 6 * 7?", "x" * 10_000))
    notes_write(journal.pending_notes())
    message_append(session_id=ctx.session_id, task_id=ctx.task_id, role="user", content="What is 6 * 7?")
    blob_put(tenant_id=principal.tenant_id, data="y" * 10_000)
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="not used"))
    return client


@pytest.mark.parametrize("model", [Blob, Session, Message, Memory, JournalEntry])
def test_rows_can_be_listed_and_looked_at(
    admin: Client, model: type[Blob] | type[Session] | type[Message] | type[Memory] | type[JournalEntry]
) -> None:
    name = model._meta.model_name
    assert admin.get(reverse(f"admin:agents_{name}_changelist")).status_code == 200
    row = model._default_manager.first()
    assert row is not None
    page = admin.get(reverse(f"admin:agents_{name}_change", args=[row.pk]))
    assert page.status_code == 200
    assert admin.get(reverse(f"admin:agents_{name}_add")).status_code == 403
    assert admin.post(reverse(f"admin:agents_{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403


def test_a_journal_entry_is_shown_cut_short(admin: Client) -> None:
    entry = JournalEntry.objects.get(kind="memory_write")
    page = admin.get(reverse("admin:agents_journalentry_change", args=[entry.pk])).content.decode()
    assert "characters more" in page
    assert "x" * 5_000 not in page


def test_embeddings_are_not_shown(admin: Client) -> None:
    page = admin.get(reverse("admin:agents_memory_change", args=[Memory.objects.get().pk])).content.decode()
    assert "embedding" not in page
