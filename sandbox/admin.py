"""Modules in the admin: seen, uploaded, deleted; and the files of workspaces in an object store: seen."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from sandbox.errors import ModuleInvalid, ModuleTooLarge
from sandbox.models import StoredFile, WasmModule
from sandbox.runtimes.wasm_inspect import CAPABILITIES
from sandbox.services import module_upload
from shannon_project.foundation.admin import IdSearch

_UPLOAD_FIELDS = ("file", "expected_sha256", "allowed")


class WasmModuleForm(forms.ModelForm):  # type: ignore[type-arg]  # Django has no type arguments when it runs
    """An upload."""

    file = forms.FileField(help_text="A WASI command (preview 1) as binary WebAssembly.")
    expected_sha256 = forms.CharField(
        required=False, max_length=64, label="SHA-256", help_text="As you know it; empty: it is not compared."
    )
    allowed = forms.MultipleChoiceField(
        choices=[(name, name) for name in sorted(CAPABILITIES)],
        initial=sorted(CAPABILITIES),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Capabilities",
        help_text="What it may import; a module that wants more is refused.",
    )

    class Meta:
        model = WasmModule
        fields = ("tenant_id", "name", "description")

    def clean(self) -> dict[str, Any]:
        """Have the module checked, and kept when it passes; what the service refuses is the form's error."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return values
        try:
            self.instance = module_upload(
                tenant_id=values["tenant_id"],
                name=values["name"],
                description=values["description"],
                content=values["file"].read(),
                sha256=values["expected_sha256"],
                capabilities=values["allowed"],
                actor="admin",
            )
        except (ModuleInvalid, ModuleTooLarge) as error:
            raise forms.ValidationError(error.message) from error
        return values

    def _post_clean(self) -> None:
        """Nothing is left to be set on the row: the service has written it."""


@admin.register(WasmModule)
class WasmModuleAdmin(IdSearch):
    """Uploaded modules; one is replaced by uploading another under its name."""

    form = WasmModuleForm
    list_display = ("name", "tenant_id", "size_bytes", "sha256", "created_by", "created_at")
    search_fields = ("name", "sha256")
    search_ids = ("tenant_id",)
    ordering = ("-created_at",)
    readonly_fields = ("sha256", "size_bytes", "imports", "capabilities", "created_by", "created_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Leave the bytes where they are."""
        return super().get_queryset(request).defer("content")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002 - Django's signature
        """Ask for a file, or show what was found in it."""
        fields = ("tenant_id", "name", "description", *(self.readonly_fields if obj else _UPLOAD_FIELDS))
        return ((None, {"fields": fields}),)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody changes a module in its place."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form's check has kept it."""


@admin.register(StoredFile)
class StoredFileAdmin(IdSearch):
    """Files of workspaces in an object store; read-only, since an object belongs to each row."""

    list_display = ("path", "workspace", "tenant_id", "size_bytes", "created_at")
    search_fields = ("path", "workspace")
    search_ids = ("tenant_id",)
    ordering = ("-created_at",)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Files are written by agents and over the API."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """See above."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """See above."""
        return False
