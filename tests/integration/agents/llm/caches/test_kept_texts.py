"""Prompts and answers that a tenant keeps: redacted, and for as long as it says."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from agents.llm.administration import gateway_row_save
from agents.llm.keeping import texts_purge
from agents.llm.types import ModelRequest
from agents.models import KeptText, ModelCall, ModelRules
from policy.types import Principal
from tests.integration.agents.llm.caches.asking import ask, provider
from tests.integration.agents.llm.serving import server
from tests.provider import FaultProvider

__all__ = ["provider", "server"]
pytestmark = pytest.mark.django_db


def text_kept(who: Principal, digest: str) -> str | None:
    rows = KeptText.objects.filter(tenant_id=who.tenant_id, digest=digest, expires_at__gt=Now())
    return rows.values_list("text", flat=True).first()


def test_prompts_and_answers_are_kept_redacted_for_as_long_as_the_tenant_says(
    principal: Principal, stranger: Principal, provider: FaultProvider
) -> None:
    gateway_row_save(row=ModelRules(tenant_id=principal.tenant_id, prompt_retention_days=7))
    secret = ModelRequest(messages=[{"role": "user", "content": "my key is sk-abcdefgh12345678"}])
    _, ctx = ask(principal, secret)
    _, other = ask(stranger, secret)

    row = ModelCall.objects.get(task_id=ctx.task_id)
    prompt = text_kept(principal, row.prompt_digest)
    answer = text_kept(principal, row.answer_digest)
    assert prompt is not None
    assert answer is not None
    assert "my key is [redacted]" in prompt
    assert "You said: my key is [redacted]" in answer
    assert text_kept(stranger, row.prompt_digest) is None
    assert ModelCall.objects.get(task_id=other.task_id).prompt_digest == "", "by default nothing is kept"


def test_kept_texts_go_when_their_time_is_over_and_a_later_call_keeps_them_longer(
    principal: Principal, provider: FaultProvider
) -> None:
    gateway_row_save(row=ModelRules(tenant_id=principal.tenant_id, prompt_retention_days=7))
    ask(principal)
    KeptText.objects.update(expires_at=Now() - timedelta(seconds=1))
    ask(principal)

    assert KeptText.objects.count() == 2, "the same texts are one row each"
    assert texts_purge() == 0
    KeptText.objects.update(expires_at=Now() - timedelta(seconds=1))

    assert texts_purge() == 2
    assert not KeptText.objects.exists()


def custom_redactor(text: str, *, tenant_id: Any) -> str:
    return f"{tenant_id} {len(text)}"


def test_another_redactor_may_be_set(principal: Principal, provider: FaultProvider, settings: Settings) -> None:
    settings.SHANNON_MODEL_REDACTOR = f"{__name__}.custom_redactor"
    gateway_row_save(row=ModelRules(tenant_id=principal.tenant_id, prompt_retention_days=1))
    ask(principal)

    assert all(text.startswith(str(principal.tenant_id)) for text in KeptText.objects.values_list("text", flat=True))


def test_the_table_of_kept_texts_is_the_one_that_is_written() -> None:
    assert KeptText._meta.db_table in connection.introspection.table_names()
