"""What is taken out of prompts and answers before they are kept; `SHANNON_MODEL_REDACTOR` names the function."""

from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from agents.llm.failures import redacted


def keys_redacted(text: str, *, tenant_id: UUID) -> str:  # noqa: ARG001 - a redactor may differ by tenant
    """Return the text with `[redacted]` in place of whatever looks like a key."""
    return redacted(text)


def text_redacted(text: str, *, tenant_id: UUID) -> str:
    """Return the text as it may be kept, by the redactor in use: a function of the text and the tenant."""
    kept: str = _redactor(settings.SHANNON_MODEL_REDACTOR)(text, tenant_id=tenant_id)
    return kept


@cache
def _redactor(dotted_path: str) -> Any:
    return import_string(dotted_path)
