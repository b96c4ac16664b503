"""Scopes of DRF views."""

from collections.abc import Mapping
from typing import Any, Final

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from policy.errors import ScopeMissing
from policy.services import refusal_record
from policy.types import Principal

PUBLIC: Final = "public"
"""What a view with `authentication_classes = []` states as its scope to be open to everyone."""


class HasScope(BasePermission):
    """Asks for the scope that the view states in `required_scopes`: one for all methods, or one per method.

    A view or method that states none is denied: forgetting is safe. HEAD needs what GET needs, and OPTIONS, which only
    describes the view, any of its scopes. A method that the view does not have is let through: DRF answers 405.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True, or refuse.

        Raises:
            ScopeMissing: The key lacks the scope, or the view states none. The refusal is in the audit log.
        """
        method = str(request.method)
        if method not in view.allowed_methods:
            return True
        stated: Mapping[str, str] | str = getattr(view, "required_scopes", {})
        required = stated if isinstance(stated, str) else _scope_of(method, stated, request.auth)
        if required == PUBLIC:
            return True
        principal = request.auth
        if not isinstance(principal, Principal):
            raise ScopeMissing("This needs an API key.", details={"required": required})
        scope_check(principal, required, method=method, path=request.path)
        return True


def scope_check(principal: Principal, required: str, *, method: str, path: str) -> None:
    """Refuse a request for which a scope is needed that the principal lacks; an empty one nobody has.

    Raises:
        ScopeMissing: The refusal is in the audit log.
    """
    if required and principal.has_scope(required):
        return
    message = f"This needs the scope {required}." if required else "No scope is stated for this, so nobody may do it."
    error = ScopeMissing(message, details={"required": required, "held": sorted(principal.scopes)})
    refusal_record(principal=principal, error=error, resource={"method": method, "path": path})
    raise error


def _scope_of(method: str, stated: Mapping[str, str], principal: object) -> str:
    """Return the scope that the method needs, or "" when none is stated."""
    if method in stated:
        return stated[method]
    if method == "OPTIONS" and isinstance(principal, Principal):
        return next(filter(principal.has_scope, stated.values()), next(iter(stated.values()), ""))
    return stated.get("GET", "") if method in {"HEAD", "OPTIONS"} else ""
