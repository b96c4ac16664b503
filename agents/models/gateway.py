"""Rows of the model gateway: what tenants change of the catalogue, their keys, and every call that was made."""

from decimal import Decimal
from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Now
from pgvector.django import VectorField

from agents.types import EMBEDDING_DIMENSIONS, CacheKind
from policy.models import Tenant
from shannon_project.config.catalogue import Selection
from shannon_project.foundation.ids import uuid7

_EVERYONE = "Empty: everyone."
_AS_IN_FILE = "Empty: as in the file."


def _price(of_what: str) -> "models.DecimalField[str | Decimal | None, Decimal | None]":
    return models.DecimalField(
        max_digits=14,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=f"USD per million tokens {of_what}. {_AS_IN_FILE}",
    )


class ModelOverride(models.Model):
    """What a tenant, or everyone, changes of one model of the catalogue, or a model that is not in the file."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, null=True, blank=True, related_name="+", help_text=_EVERYONE
    )
    name = models.CharField(max_length=200, help_text="The name that requests use.")
    is_active = models.BooleanField(default=True, help_text="Off: this row counts for nothing.")
    litellm_name = models.CharField(max_length=200, blank=True, help_text=f"What litellm is asked for. {_AS_IN_FILE}")
    provider = models.CharField(max_length=200, blank=True, help_text=_AS_IN_FILE)
    api_base = models.URLField(
        blank=True, help_text="Address of a server of your own that speaks OpenAI's protocol (openai/<model>)."
    )
    input_usd = _price("read")
    output_usd = _price("written")
    cache_read_usd = _price("read from the provider's cache")
    cache_write_usd = _price("put into the provider's cache")
    context_window_tokens = models.PositiveIntegerField(null=True, blank=True, help_text=_AS_IN_FILE)
    max_output_tokens = models.PositiveIntegerField(null=True, blank=True, help_text=_AS_IN_FILE)
    abilities = models.JSONField(
        null=True, blank=True, help_text='A list of: tools, json_schema, vision, streaming, reasoning. Empty: "file".'
    )
    weight = models.PositiveIntegerField(null=True, blank=True, help_text="Share where a tier selects by weight.")
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True, help_text=_AS_IN_FILE)
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True, help_text=_AS_IN_FILE)
    max_concurrency = models.PositiveIntegerField(null=True, blank=True, help_text=_AS_IN_FILE)

    class Meta:
        verbose_name = "model"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "name"], name="model_override_unique", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return self.name


class TierOverride(models.Model):
    """Which models serve a tier of a tenant, or everyone's; a tier of a new name is one that requests may ask for."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, null=True, blank=True, related_name="+", help_text=_EVERYONE
    )
    tier = models.SlugField(max_length=64, help_text="small, medium, large, or a name of your own.")
    candidates = models.JSONField(default=list, help_text="Names of models, preferred first.")
    select = models.CharField(
        max_length=8, choices=[(s.value, s.value) for s in Selection], default=Selection.ORDER.value
    )
    hedge_after_seconds = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.05)],
        help_text="When the first model has said nothing for so long, the second is asked too. Empty: never.",
    )

    class Meta:
        verbose_name = "tier of models"
        verbose_name_plural = "tiers of models"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "tier"], name="tier_override_unique", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return self.tier


class ModelRules(models.Model):
    """What a tenant, or everyone, may ask, what is kept of it, and what is answered from a cache."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.OneToOneField(
        Tenant, on_delete=models.CASCADE, null=True, blank=True, related_name="+", help_text=_EVERYONE
    )
    allowed = models.JSONField(
        default=list, blank=True, help_text="Names or patterns of models beside those of small, medium and large."
    )
    denied = models.JSONField(default=list, blank=True, help_text="Names or patterns; they win.")
    prompt_retention_days = models.PositiveSmallIntegerField(
        default=0, help_text="How long prompts and answers are kept with their calls. 0: not at all."
    )
    response_cache_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="How long an answer is given again to the same question. Empty: the setting's."
    )

    caches_any_temperature = models.BooleanField(
        default=False, help_text="Cache answers at any temperature; off: only those at 0."
    )

    class Meta:
        verbose_name_plural = "model rules"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant"], name="model_rules_unique", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return f"rules of {self.tenant}" if self.tenant_id else "everyone's rules"


class ProviderKey(models.Model):
    """A key of a model provider, sealed. Several of one provider are used in turn."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: for tenants that have no key of this provider.",
    )
    provider = models.CharField(max_length=200, help_text="As in the catalogue, for example openai.")
    name = models.CharField(max_length=64, help_text="To tell keys apart.")
    sealed = models.TextField(editable=False)
    ending = models.CharField(max_length=4, editable=False, help_text="The last four characters.")
    api_base = models.URLField(blank=True, help_text="Address to use with this key. Empty: the model's.")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "provider", "name"], name="provider_key_unique", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.name} (…{self.ending})"


class ModelCall(models.Model):
    """One attempt at a model, whatever came of it. Rows are only ever added."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    task_id = models.UUIDField()
    step_id = models.UUIDField()
    user_id = models.CharField(max_length=128, blank=True)
    position = models.PositiveIntegerField(help_text="Place of the call in its step's journal.")
    step_attempt = models.PositiveSmallIntegerField(help_text="Which execution of the step made it.")
    attempt = models.PositiveSmallIntegerField(help_text="Which attempt of the call this was, from 1; 0: a cache's.")
    purpose = models.CharField(max_length=32)
    asked = models.CharField(max_length=200, help_text="The tier or model that was asked for.")
    tier = models.CharField(max_length=64)
    model = models.CharField(max_length=200, help_text="The model that was used.")
    provider = models.CharField(max_length=200)
    key_id = models.CharField(max_length=64, help_text="Which key was used; never the key.")
    outcome = models.CharField(max_length=64, help_text="ok, or the code of the error.")
    fallback_reason = models.CharField(max_length=64, blank=True, help_text="Why not the first choice; empty: it was.")
    is_streamed = models.BooleanField(default=False)
    cache = models.CharField(max_length=8, blank=True, choices=[(c.value, c.value) for c in CacheKind])
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cache_read_tokens = models.PositiveIntegerField(default=0)
    cache_write_tokens = models.PositiveIntegerField(default=0)
    is_estimate = models.BooleanField(default=False, help_text="The provider did not state the tokens.")
    cost_usd = models.DecimalField(max_digits=18, decimal_places=9, null=True, help_text="Empty: no price is known.")
    saved_usd = models.DecimalField(max_digits=18, decimal_places=9, null=True, help_text="What a cache spared.")
    latency_ms = models.PositiveIntegerField(help_text="From asking to the end of the answer.")
    first_token_ms = models.PositiveIntegerField(null=True, help_text="From asking to the first text; streams only.")
    request_digest = models.CharField(max_length=64, help_text="SHA-256 of the request; that of its journal entry.")
    prompt_digest = models.CharField(max_length=64, blank=True, help_text="Where the prompt is kept; empty: nowhere.")
    answer_digest = models.CharField(max_length=64, blank=True, help_text="Where the answer is kept; empty: nowhere.")
    started_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-started_at"], name="model_call_by_tenant"),
            models.Index(fields=["task_id"], name="model_call_by_task"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.outcome}"


class KeptText(models.Model):
    """A prompt or an answer that a tenant keeps for a while, redacted; calls name it by its digest."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the text.")
    text = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = "prompt or answer"
        verbose_name_plural = "prompts and answers"
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "digest"], name="kept_text_once_in_tenant")]

    def __str__(self) -> str:
        return self.digest[:12]


class CachedAnswer(models.Model):
    """An answer that serves questions that mean the same as the one that it was given to."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    scope_digest = models.CharField(max_length=64, help_text="SHA-256 of all that was asked but the question.")
    question = models.TextField()
    embedding = VectorField(dimensions=EMBEDDING_DIMENSIONS)
    reply = models.JSONField()
    cost_usd = models.DecimalField(max_digits=18, decimal_places=9, help_text="What it cost when a model gave it.")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        # Search is exact within a tenant's scope: an index of vectors shared by tenants finds too little when filtered.
        indexes: ClassVar = [models.Index(fields=["tenant", "scope_digest"], name="cached_answer_by_scope")]

    def __str__(self) -> str:
        return self.question[:60]
