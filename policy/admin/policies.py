"""Policies and their versions."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextareaWidget

from policy.admin.base import KeptAdmin
from policy.errors import PolicyInvalid
from policy.models import Policy, PolicyGeneration, RegistryGeneration
from policy.services import policy_activate, policy_check, policy_deactivate, policy_save
from shannon_project.foundation.admin import ReadOnlyAdmin, actor_of


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]
    """A source that does not work is refused in the form, with the compiler's words."""

    class Meta:
        model = Policy
        fields = ["tenant", "name", "rego", "note"]
        widgets = {"rego": UnfoldAdminTextareaWidget(attrs={"rows": 30, "style": "font-family: monospace"})}

    def clean(self) -> dict[str, Any]:
        """Check the source together with the other active policies."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        name = self.instance.name or cleaned.get("name")
        tenant = cleaned.get("tenant") or self.instance.tenant
        if name and cleaned.get("rego"):
            try:
                policy_check(name=name, rego=cleaned["rego"], tenant_id=tenant.pk if tenant else None)
            except PolicyInvalid as error:
                self.add_error("rego", error.message)
        return cleaned


@admin.register(Policy)
class PolicyAdmin(KeptAdmin):
    """Saving makes a new version and activates it; older versions stay and can be activated again."""

    form = PolicyForm
    list_display = ["name", "version", "is_active", "tenant", "note", "created_by", "created_at"]
    list_filter = ["is_active", "name", "tenant"]
    list_select_related = ["tenant"]
    search_fields = ["name", "note"]
    ordering = ["name", "-version"]
    actions = ["activate", "deactivate"]
    fields = ["tenant", "name", "version", "is_active", "rego", "note", "created_by", "created_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Policy | None = None) -> list[str]:  # noqa: ARG002
        """Whose policy it is and its name are fixed once it exists."""
        always = ["version", "is_active", "created_by", "created_at"]
        return ["tenant", "name", *always] if obj else always

    def save_model(self, request: HttpRequest, obj: Policy, form: Any, change: bool) -> None:  # noqa: ARG002
        """Store a new version; the row that was opened stays as it was."""
        policy = policy_save(
            name=obj.name, rego=obj.rego, tenant_id=obj.tenant_id, note=obj.note, saved_by=actor_of(request)
        )
        obj.pk = policy.pk
        self.message_user(request, f"{policy} is active; every process decides by it within a second.")

    def has_switch_permission(self, request: HttpRequest) -> bool:
        """Whoever may change policies may switch them."""
        return request.user.has_perm("policy.change_policy")

    @admin.action(description="Make the selected version the active one", permissions=["switch"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Policy]) -> None:
        """Go back to an older version."""
        for policy in queryset:
            try:
                policy_activate(policy=policy, activated_by=actor_of(request))
            except PolicyInvalid as error:
                self.message_user(request, f"{policy}: {error.message}", messages.ERROR)

    @admin.action(description="Switch the selected policies off", permissions=["switch"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Policy]) -> None:
        """Stop asking the policies. Without any, everything is denied."""
        for policy in queryset:
            policy_deactivate(policy=policy, deactivated_by=actor_of(request))


@admin.register(PolicyGeneration)
class PolicyGenerationAdmin(ReadOnlyAdmin):
    """Which state of the policies processes should have loaded; it changes with every change of a policy."""

    list_display = ["generation"]


@admin.register(RegistryGeneration)
class RegistryGenerationAdmin(ReadOnlyAdmin):
    """How far what each tenant registered has come; the database raises the number with every change."""

    list_display = ["tenant", "generation"]
    list_select_related = ["tenant"]
