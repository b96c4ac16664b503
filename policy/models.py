"""Tenants, their keys, policies, budgets and audit log. Constraints only: services change rows, selectors read them."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from policy.types import AuditOutcome, BudgetPeriod, BudgetScope, LedgerKind, ReservationStatus
from shannon_project.foundation.ids import uuid7


class Tenant(models.Model):
    """Who owns data and pays."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=128)
    slug = models.SlugField(unique=True)
    is_active = models.BooleanField(default=True, help_text="Off: every key of the tenant is refused.")
    weight = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Its share of the workers, and of the turns at a model, while others want them too; 1 to 100.",
    )
    max_running_steps = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Steps at work at the same time. Empty: as many as the workers have to give.",
    )
    max_open_tasks = models.PositiveIntegerField(
        null=True, blank=True, help_text="Tasks that have not ended; a submit beyond it is refused. Empty: the default."
    )
    requests_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Requests of all its keys together. Empty: the default. 0: no limit."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["slug"]

    def __str__(self) -> str:
        return self.slug


class ApiKey(models.Model):
    """A key of a tenant. Only its SHA-256 is kept: 256 random bits need no slow hash and no salt."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=64, help_text="What the key is for; appears as `key:<name>` in the audit log.")
    user_id = models.CharField(max_length=128, blank=True, help_text="The tenant's own name for who uses it.")
    prefix = models.CharField(max_length=12, editable=False, help_text="The first characters, to tell keys apart.")
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list)
    roles = models.JSONField(default=list, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="To the minute.")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "API key"
        indexes: ClassVar = [models.Index(fields=["tenant", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class Policy(models.Model):
    """One version of a Rego policy. Editing adds a version; at most one version of a name is active."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, null=True, blank=True, related_name="policies", help_text="Empty: everyone."
    )
    name = models.SlugField(help_text="The package is `shannon.<name>`; of a tenant's own policy, `tenant.<name>`.")
    version = models.PositiveIntegerField(editable=False)
    rego = models.TextField(verbose_name="Rego source")
    is_active = models.BooleanField(default=True)
    note = models.CharField(max_length=200, blank=True, help_text="Why this version was made.")
    created_by = models.CharField(max_length=128, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "policies"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "name", "version"], name="policy_version_unique", nulls_distinct=False
            ),
            models.UniqueConstraint(
                fields=["tenant", "name"],
                condition=models.Q(is_active=True),
                name="policy_one_active_version",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class PolicyGeneration(models.Model):
    """One row with a new value after each change: one cheap query tells a process whether to load policies again.

    A random value, not a counter: a change that is rolled back can then never look like the next one.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    generation = models.UUIDField(default=uuid7)

    class Meta:
        verbose_name = "state of the policies"
        verbose_name_plural = "state of the policies"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(id=1), name="policy_generation_is_one_row"),
        ]

    def __str__(self) -> str:
        return str(self.generation)


class RegistryGeneration(models.Model):
    """One row a tenant with a number that grows with each change of what the tenant registers.

    Triggers write it; see `policy/services/registry.py`. The tenant is named without a constraint: rows that are
    deleted because their tenant is tell so too.
    """

    tenant = models.OneToOneField(
        Tenant, on_delete=models.CASCADE, primary_key=True, related_name="+", db_constraint=False
    )
    generation = models.BigIntegerField()

    class Meta:
        verbose_name = "state of what a tenant registered"
        verbose_name_plural = "state of what tenants registered"

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.generation}"


class Budget(models.Model):
    """A cap in tokens and US dollars. Spent + reserved stays within the limit, but for a provider's own overrun."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="budgets")
    scope = models.CharField(max_length=8, choices=[(s, s) for s in BudgetScope])
    scope_id = models.UUIDField(help_text="Id of the step, task, session or tenant; a user's is made of its name.")
    subject = models.CharField(max_length=128, blank=True, help_text="A user's name in its tenant.")
    period = models.CharField(
        max_length=5, blank=True, default="", choices=[(p, p or "for ever") for p in BudgetPeriod]
    )
    period_start = models.DateTimeField(db_default=Now(), help_text="Since when the balances count.")
    limit_tokens = models.BigIntegerField(null=True, blank=True, help_text="Empty: unlimited.")
    spent_tokens = models.BigIntegerField(default=0)
    reserved_tokens = models.BigIntegerField(default=0)
    limit_usd = models.DecimalField(
        max_digits=18, decimal_places=9, null=True, blank=True, help_text="Empty: unlimited."
    )
    spent_usd = models.DecimalField(max_digits=18, decimal_places=9, default=0)
    reserved_usd = models.DecimalField(max_digits=18, decimal_places=9, default=0)
    notify_percent = models.PositiveSmallIntegerField(
        null=True, blank=True, default=80, help_text="From this part of it on BUDGET_THRESHOLD is told, once."
    )
    cheaper_tier_percent = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="From this part of it on a cheaper model answers. Empty: never."
    )
    smaller_output_percent = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="From this part of it on answers are shorter as well. Empty: never."
    )
    ask_person_percent = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="From this part of it on a person is asked before it goes on. Empty: never."
    )
    notified_at = models.DateTimeField(null=True, blank=True, editable=False)
    consented_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Since when nobody is asked: a person said that it may go on."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["scope", "scope_id", "period"], name="budget_one_per_scope_and_period"),
            models.CheckConstraint(
                condition=models.Q(spent_tokens__gte=0, reserved_tokens__gte=0, spent_usd__gte=0, reserved_usd__gte=0),
                name="budget_balances_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(notify_percent__isnull=True) | models.Q(notify_percent__range=(1, 100)),
                name="budget_notify_percent_is_one",
            ),
            models.CheckConstraint(
                condition=models.Q(cheaper_tier_percent__isnull=True) | models.Q(cheaper_tier_percent__range=(1, 100)),
                name="budget_cheaper_tier_percent_is_one",
            ),
            models.CheckConstraint(
                condition=models.Q(smaller_output_percent__isnull=True)
                | models.Q(smaller_output_percent__range=(1, 100)),
                name="budget_smaller_output_percent_is_one",
            ),
            models.CheckConstraint(
                condition=models.Q(ask_person_percent__isnull=True) | models.Q(ask_person_percent__range=(1, 100)),
                name="budget_ask_person_percent_is_one",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["tenant", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.scope} {self.subject or self.scope_id} {self.period}".strip()


class Reservation(models.Model):
    """Money set aside for one effect of a step: `position` is the effect's place in the step's journal."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    step_id = models.UUIDField()
    position = models.PositiveIntegerField()
    budget_ids = ArrayField(models.UUIDField(), help_text="The budgets that it is set aside in.")
    status = models.CharField(max_length=8, choices=[(s, s) for s in ReservationStatus])
    tokens = models.BigIntegerField()
    usd = models.DecimalField(max_digits=18, decimal_places=9)
    level = models.PositiveSmallIntegerField(default=0, help_text="How much cheaper the call was made: `Degradation`.")
    user_id = models.CharField(max_length=128, blank=True, default="")
    task_id = models.UUIDField(null=True, blank=True)
    model = models.CharField(max_length=128, blank=True, default="")
    actual_tokens = models.BigIntegerField(null=True, blank=True)
    actual_usd = models.DecimalField(max_digits=18, decimal_places=9, null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["step_id", "position"], name="reservation_unique_in_step")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["created_at"], condition=models.Q(status=ReservationStatus.HELD), name="reservation_held_by_age"
            ),
            models.Index(fields=["task_id"], condition=models.Q(level__gt=0), name="reservation_cheaper_by_task"),
        ]

    def __str__(self) -> str:
        return f"{self.step_id}#{self.position} {self.status}"


class LedgerEntry(models.Model):
    """Something that was paid: the accounts. Rows are only ever added, which a trigger in the database holds.

    What a budget has spent is the sum of the entries that name it. A corrected entry may be negative.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    user_id = models.CharField(max_length=128, blank=True)
    task_id = models.UUIDField(null=True, blank=True, help_text="Empty: no task did it.")
    step_id = models.UUIDField(help_text="The step, or the direct call.")
    position = models.PositiveIntegerField(help_text="The effect's place in the step's journal.")
    budget_ids = ArrayField(models.UUIDField(), help_text="The budgets that paid.")
    kind = models.CharField(max_length=9, choices=[(k, k) for k in LedgerKind])
    model = models.CharField(max_length=128, blank=True)
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField()
    usd = models.DecimalField(max_digits=18, decimal_places=9)
    is_price_known = models.BooleanField(default=True)
    is_estimate = models.BooleanField(default=False, help_text="The provider did not state the tokens.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "ledger entries"
        indexes: ClassVar = [models.Index(fields=["tenant", "created_at"], name="ledger_by_tenant_and_time")]

    def __str__(self) -> str:
        return f"{self.kind} {self.tokens} tokens, {self.usd} USD"


class AuditEntry(models.Model):
    """Something that was refused, or a change of the rules. Rows are only ever added."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, related_name="+")
    actor = models.CharField(max_length=128)
    action = models.CharField(max_length=64)
    outcome = models.CharField(max_length=24, choices=[(o, o) for o in AuditOutcome])
    rule = models.CharField(max_length=128, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    resource = models.JSONField(default=dict, help_text="What was asked for; long texts are cut.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "audit entries"
        indexes: ClassVar = [models.Index(fields=["tenant", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.action} {self.outcome}"
