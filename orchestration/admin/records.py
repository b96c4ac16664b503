"""What the router learned: how strategies fared on a tenant's requests, by their form."""

from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from orchestration.admin.base import cut_short
from orchestration.models import RouteRecord
from shannon_project.foundation.admin import ReadOnlyAdmin


@admin.register(RouteRecord)
class RouteRecordAdmin(ReadOnlyAdmin):
    """A strategy on requests of one form, with its means; what was learned can be forgotten."""

    list_display = (
        "short_cluster",
        "strategy",
        "tenant",
        "runs",
        "score",
        "tokens",
        "cost_usd",
        "seconds",
        "updated_at",
    )
    list_filter = ("tenant", "strategy")
    list_select_related = ("tenant",)
    list_filter_submit = False
    search_fields = ("cluster",)
    ordering = ("tenant", "cluster", "strategy")
    actions: ClassVar = ["forget"]
    fields = ("tenant", "cluster", "strategy", "runs", "score", "tokens", "cost_usd", "seconds", "updated_at")

    @display(description="requests", ordering="cluster")  # type: ignore[untyped-decorator]
    def short_cluster(self, record: RouteRecord) -> str:
        """What the router found in the requests."""
        return cut_short(record.cluster)

    @display(description="score")  # type: ignore[untyped-decorator]
    def score(self, record: RouteRecord) -> str:
        """The mean, from 0 to 1."""
        return f"{record.score_sum / max(record.runs, 1):.2f}"

    @display(description="tokens")  # type: ignore[untyped-decorator]
    def tokens(self, record: RouteRecord) -> str:
        """The mean of a task."""
        return f"{record.tokens_sum / max(record.runs, 1):,.0f}"

    @display(description="USD")  # type: ignore[untyped-decorator]
    def cost_usd(self, record: RouteRecord) -> str:
        """The mean of a task."""
        return f"{record.cost_usd_sum / Decimal(max(record.runs, 1)):.4f}"

    @display(description="seconds")  # type: ignore[untyped-decorator]
    def seconds(self, record: RouteRecord) -> str:
        """The mean of a task."""
        return f"{record.seconds_sum / max(record.runs, 1):.1f}"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:  # noqa: ARG002 - Django's signature
        """All of them."""
        return self.fields

    def has_forget_permission(self, request: HttpRequest) -> bool:
        """Whoever may delete records may have them forgotten."""
        return bool(request.user.has_perm("orchestration.delete_routerecord"))

    @admin.action(description="Forget the selected", permissions=["forget"])
    def forget(self, request: HttpRequest, queryset: QuerySet[RouteRecord]) -> None:
        """Delete what was learned; the router begins anew with these requests."""
        count, _ = queryset.delete()
        messages.info(request, f"{count} were forgotten.")
