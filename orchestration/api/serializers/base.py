"""Strict fields: a wrong type is refused, an unknown field is refused by its name."""

import copy
import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

from django.core.validators import RegexValidator
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from orchestration.api.http import body_measure
from orchestration.errors import UnsupportedOption
from shannon_project.foundation.errors import InvalidInput

SESSION_ID: Final = re.compile(r"^[A-Za-z0-9:_.\-]{1,128}\Z")


class StrictSerializer(serializers.Serializer[Any]):
    """A body or a query string of which every field is known.

    `unsupported_fields` are fields of the reference system that are not available here: they are refused as such,
    so that nobody believes that they took effect. `only_empty_fields` are taken as long as they say nothing, since
    clients send them so; nobody is told that they are allowed.
    """

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "A JSON object is expected here."}
    unsupported_fields: ClassVar[frozenset[str]] = frozenset()
    only_empty_fields: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def of_body(cls, request: Request) -> Self:
        """Return the validated body; an absent one counts as `{}`."""
        body_measure(request._request)
        body = cls(data=request.data)
        body.is_valid(raise_exception=True)
        return body

    @classmethod
    def of_query(cls, request: Request) -> dict[str, Any]:
        """Return the validated query string; `api_key` belongs to authentication."""
        query = cls(data={name: value for name, value in request.query_params.items() if name != "api_key"})
        query.is_valid(raise_exception=True)
        return dict(query.validated_data)

    def get_fields(self) -> dict[str, Any]:
        """Return fields of this serializer's own; DRF would make each anew, of its arguments, for every request."""
        return {name: _copied(field) for name, field in self._declared_fields.items()}

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated values.

        Raises:
            InvalidInput: A field is unknown; the details name the allowed ones (the caller's fault).
            UnsupportedOption: A field is known but not available here (the caller's fault).
        """
        if isinstance(data, Mapping):
            self._refuse_strangers({str(name) for name in data})
        return super().to_internal_value(data)

    def _refuse_strangers(self, names: set[str]) -> None:
        allowed = sorted(self.fields.keys() - self.only_empty_fields)
        if unsupported := sorted(names & self.unsupported_fields):
            listed = ", ".join(unsupported)
            raise UnsupportedOption(
                f"Not available here: {listed}. Leave it out.", details={"fields": unsupported, "allowed": allowed}
            )
        if unknown := sorted(name[:100] for name in names - self.fields.keys()):
            listed = ", ".join(unknown[:20])
            raise InvalidInput(
                f"Unknown field: {listed}. Allowed: {', '.join(allowed) or 'none'}.",
                details={"unknown": unknown[:20], "allowed": allowed},
            )


def _copied(field: Any) -> Any:
    """Return a copy of a declared field: what is bound to a serializer is its own, what it was made of is shared."""
    if isinstance(field, serializers.BaseSerializer):
        return copy.deepcopy(field)
    copied = copy.copy(field)
    if (child := getattr(field, "child", None)) is not None:
        copied.child = _copied(child)
        copied.child.parent = copied
    return copied


class TextField(serializers.CharField):
    """A JSON string; numbers are not taken for text."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "must be a string"}

    def to_internal_value(self, data: Any) -> str:
        """Return the string as it came."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class SessionIdField(TextField):
    """A session's id or name, as the official client allows it."""

    def __init__(self, **kwargs: Any) -> None:
        message = "must be 1 to 128 characters out of A-Z a-z 0-9 : _ - ."
        super().__init__(trim_whitespace=False, validators=[RegexValidator(SESSION_ID, message)], **kwargs)


class WholeNumberField(serializers.IntegerField):
    """A JSON integer; strings and booleans are not taken for numbers."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "must be a whole number"}

    def to_internal_value(self, data: Any) -> int:
        """Return the number."""
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


class OneOfField(serializers.ChoiceField):
    """One of some names; the refusal lists them."""

    def __init__(self, choices: tuple[str, ...], **kwargs: Any) -> None:
        """Make a field that takes one of `choices`; `kwargs` are those of any serializer field."""
        messages: dict[str, Any] = {"invalid_choice": f"must be one of: {', '.join(choices)}"}
        taken = [(choice, choice) for choice in choices]
        super().__init__(choices=taken, error_messages=messages, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return the name."""
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return str(super().to_internal_value(data))


class ObjectField(serializers.DictField):
    """A JSON object that Postgres can keep: no NUL, no lone surrogate, no infinite number, and not too large."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "not_a_dict": "must be an object",
        "unstorable": "holds a value that cannot be stored ({reason})",
        "too_large": "is {size_bytes} bytes of JSON; at most {max_bytes} are allowed",
    }

    def __init__(self, *, max_bytes: int, **kwargs: Any) -> None:
        """Make a field.

        Args:
            max_bytes: Largest size as compact UTF-8 JSON.
            **kwargs: As for any serializer field.
        """
        self.max_bytes = max_bytes
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the object."""
        value: dict[str, Any] = super().to_internal_value(data)
        try:
            encoded = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        except (ValueError, RecursionError) as error:
            raise ValidationError(self.error_messages["unstorable"].format(reason=type(error).__name__)) from error
        if b"\\u0000" in encoded.replace(b"\\\\", b""):
            self.fail("unstorable", reason="NUL character")
        if len(encoded) > self.max_bytes:
            self.fail("too_large", size_bytes=len(encoded), max_bytes=self.max_bytes)
        return value


class NoQuery(StrictSerializer):
    """Nothing may be asked for."""


class PageQuery(StrictSerializer):
    """`limit` and `offset` of a list."""

    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)
    offset = serializers.IntegerField(default=0, min_value=0, max_value=1_000_000)
