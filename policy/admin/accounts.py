"""Budgets and reservations."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from policy.admin.base import KeptAdmin, ReadOnlyAdmin, actor_of
from policy.models import Budget, Reservation
from policy.services import budget_limit


@admin.register(Budget)
class BudgetAdmin(KeptAdmin):
    """Limits may be changed; balances are the books and may not."""

    list_display = [
        "scope",
        "scope_id",
        "tenant",
        "limit_tokens",
        "spent_tokens",
        "reserved_tokens",
        "limit_usd",
        "spent_usd",
        "reserved_usd",
    ]
    list_filter = ["scope", "tenant"]
    list_select_related = ["tenant"]
    search_fields = ["scope_id"]
    ordering = ["-created_at"]
    show_full_result_count = False
    readonly_fields = [
        "tenant",
        "scope",
        "scope_id",
        "spent_tokens",
        "reserved_tokens",
        "spent_usd",
        "reserved_usd",
        "created_at",
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Budgets are opened by tasks, sessions and tenants."""
        return False

    def save_model(self, request: HttpRequest, obj: Budget, form: Any, change: bool) -> None:  # noqa: ARG002
        """Change the limits only: a running task may have moved the balances since the page was loaded."""
        budget_limit(budget=obj, limit_tokens=obj.limit_tokens, limit_usd=obj.limit_usd, changed_by=actor_of(request))


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
    search_fields = ["step_id"]
    ordering = ["-created_at"]
    show_full_result_count = False
