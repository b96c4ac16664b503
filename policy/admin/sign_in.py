"""Signing in to the admin: who guesses passwords is slowed down, and the log says who tries."""

from typing import Any

import structlog
from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

from policy.services import sign_in_admit

log = structlog.get_logger(__name__)


class SignInForm(AuthenticationForm):  # type: ignore[misc]  # unfold has no types
    """The admin's form. An attempt beyond the limits looks at no password, so its answer tells nothing of it."""

    def clean(self) -> dict[str, Any]:
        """Refuse what comes too often; else look at the password.

        Raises:
            ValidationError: Too many attempts from this address or at this account, or the wrong name or password.
        """
        username, address = self.cleaned_data.get("username", ""), self._address()
        if wait_seconds := sign_in_admit(username=username, address=address):
            log.warning("sign_in_refused", username=username, address=address, wait_seconds=wait_seconds)
            raise ValidationError(f"Too many attempts to sign in. Try again in {wait_seconds} s.", code="too_many")
        checked: dict[str, Any] = super().clean()
        return checked

    def get_invalid_login_error(self) -> ValidationError:
        """Return what is said of a wrong name or password, and note it in the log."""
        log.warning("sign_in_failed", username=self.cleaned_data.get("username", ""), address=self._address())
        error: ValidationError = super().get_invalid_login_error()
        return error

    def _address(self) -> str:
        return str(self.request.META.get("REMOTE_ADDR", "")) if self.request is not None else ""
