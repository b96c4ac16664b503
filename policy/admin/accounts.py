"""Budgets, reservations and the ledger."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from policy.admin.base import KeptAdmin
from policy.models import Budget, LedgerEntry, Reservation
from policy.services import budget_limit, budget_open
from policy.types import BudgetPeriod, BudgetScope, user_scope_id
from shannon_project.foundation.admin import ReadOnlyAdmin, actor_of

_PERCENTS = ("notify_percent", "cheaper_tier_percent", "smaller_output_percent", "ask_person_percent")
_OPENED_HERE = (BudgetScope.TENANT, BudgetScope.USER)


class NewBudgetForm(forms.ModelForm):  # type: ignore[type-arg] # Django knows no parameter at run time
    """A budget of a tenant or of one of its users; those of tasks and sessions are opened by them."""

    scope = forms.ChoiceField(choices=[(scope, scope) for scope in _OPENED_HERE])
    subject = forms.CharField(required=False, label="User", help_text="The user's name in its tenant.")

    class Meta:
        model = Budget
        fields = ("tenant", "scope", "subject", "period", "limit_tokens", "limit_usd", *_PERCENTS)

    def clean(self) -> dict[str, Any]:
        """Say what is missing, or there already."""
        values = super().clean() or {}
        is_users = values.get("scope") == BudgetScope.USER
        if is_users != bool(values.get("subject")):
            raise ValidationError("A user's budget needs its name, and a tenant's has none.")
        if "tenant" in values and Budget.objects.filter(**self.key(values)).exists():
            raise ValidationError("This budget is there already.")
        return values

    def key(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return what names the budget."""
        tenant_id, subject = values["tenant"].id, values.get("subject") or ""
        scope_id = user_scope_id(tenant_id=tenant_id, user_id=subject) if subject else tenant_id
        return {"scope": values.get("scope"), "scope_id": scope_id, "period": values.get("period") or ""}


@admin.register(Budget)
class BudgetAdmin(KeptAdmin):
    """Limits may be set and changed; balances are the books and may not."""

    list_display = [
        "scope",
        "subject",
        "scope_id",
        "period",
        "tenant",
        "limit_tokens",
        "spent_tokens",
        "reserved_tokens",
        "limit_usd",
        "spent_usd",
        "reserved_usd",
    ]
    list_filter = ["scope", "period", "tenant"]
    list_select_related = ["tenant"]
    search_fields = ["subject"]
    search_ids = ("scope_id",)
    ordering = ["-created_at"]
    show_full_result_count = False
    readonly_fields = [
        "tenant",
        "scope",
        "scope_id",
        "subject",
        "period",
        "period_start",
        "spent_tokens",
        "reserved_tokens",
        "spent_usd",
        "reserved_usd",
        "notified_at",
        "consented_at",
        "created_at",
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Budget | None = None) -> list[str]:  # noqa: ARG002
        """Of a new budget nothing is fixed yet."""
        return [] if obj is None else list(self.readonly_fields)

    def get_form(self, request: HttpRequest, obj: Budget | None = None, change: bool = False, **more: Any) -> Any:
        """A new budget is asked for what names it."""
        return super().get_form(request, obj, change, **({"form": NewBudgetForm} if obj is None else {}), **more)

    def get_fieldsets(self, request: HttpRequest, obj: Budget | None = None) -> Any:
        """A new budget shows only what may be chosen."""
        if obj is None:
            return [(None, {"fields": NewBudgetForm.Meta.fields})]
        return super().get_fieldsets(request, obj)

    def save_model(self, request: HttpRequest, obj: Budget, form: Any, change: bool) -> None:
        """Change the limits only: a running task may have moved the balances since the page was loaded."""
        percents = {name: getattr(obj, name) for name in _PERCENTS}
        if not change:
            key = form.key(form.cleaned_data)
            budget_open(
                tenant_id=obj.tenant_id,
                scope=BudgetScope(key["scope"]),
                scope_id=key["scope_id"],
                limit_tokens=None,
                limit_usd=None,
                period=BudgetPeriod(key["period"]),
                subject=obj.subject,
            )
            limit_tokens, limit_usd = obj.limit_tokens, obj.limit_usd
            obj.pk = Budget.objects.get(**key).pk
            obj.refresh_from_db()
            obj.limit_tokens, obj.limit_usd = limit_tokens, limit_usd
        budget_limit(
            budget=obj,
            limit_tokens=obj.limit_tokens,
            limit_usd=obj.limit_usd,
            changed_by=actor_of(request),
            percents=percents,
        )


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    """What is set aside, paid and given back."""

    list_display = [
        "created_at",
        "step_id",
        "position",
        "status",
        "tokens",
        "usd",
        "actual_tokens",
        "actual_usd",
        "closed_at",
    ]
    list_filter = ["status"]
    search_ids = ("step_id",)
    ordering = ["-created_at"]


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """What was paid: rows are only ever added, by the platform."""

    list_display = [
        "created_at",
        "tenant",
        "user_id",
        "kind",
        "model",
        "prompt_tokens",
        "completion_tokens",
        "tokens",
        "usd",
        "is_price_known",
        "is_estimate",
        "task_id",
    ]
    list_filter = ["kind", "tenant", "model"]
    list_select_related = ["tenant"]
    search_fields = ["user_id"]
    search_ids = ("task_id", "step_id")
    date_hierarchy = "created_at"
    ordering = ["-created_at"]
