"""What was paid: query strings and answers."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from rest_framework import serializers

from orchestration.api.serializers.base import StrictSerializer
from policy.types import UsageKey

KEYS: Final = {
    "day": UsageKey.DAY,
    "month": UsageKey.MONTH,
    "model": UsageKey.MODEL,
    "user": UsageKey.USER,
    "task": UsageKey.TASK,
    "tenant": UsageKey.TENANT,
}
FORMATS: Final = ("json", "csv")
_NAMES: Final = {UsageKey.USER: "user", UsageKey.TENANT: "tenant"}
DEFAULT_DAYS: Final = 30
ROWS_MAX: Final = 1000
SUMS: Final = (
    "calls",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cost_usd",
    "unpriced_calls",
    "estimated_calls",
)


class UsageQuery(StrictSerializer):
    """What is asked of the accounts."""

    since = serializers.CharField(required=False, default="", help_text="A day or time, UTC; default: 30 days ago.")
    until = serializers.CharField(required=False, default="", help_text="Before this day or time; default: now.")
    by = serializers.CharField(
        required=False,
        default="day",
        help_text=f"What is told apart, comma-separated, of {', '.join(KEYS)}; may be empty.",
        allow_blank=True,
    )
    model = serializers.CharField(required=False, default=None, max_length=128)
    user = serializers.CharField(required=False, default=None, max_length=128)
    task_id = serializers.UUIDField(required=False, default=None)
    format = serializers.ChoiceField(choices=FORMATS, required=False, default="json")
    limit = serializers.IntegerField(default=ROWS_MAX, min_value=1, max_value=ROWS_MAX)
    offset = serializers.IntegerField(default=0, min_value=0)

    def validate_by(self, value: str) -> tuple[UsageKey, ...]:
        """Return the keys, each once."""
        names = [name.strip() for name in value.split(",") if name.strip()]
        if unknown := [name[:32] for name in names if name not in KEYS]:
            raise serializers.ValidationError(f"unknown: {', '.join(unknown[:5])}; use some of {', '.join(KEYS)}")
        return tuple(dict.fromkeys(KEYS[name] for name in names))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the times as times."""
        until = _time("until", attrs["until"]) or timezone.now()
        since = _time("since", attrs["since"]) or until - timedelta(days=DEFAULT_DAYS)
        if since >= until:
            raise serializers.ValidationError({"since": "must be before until"})
        return {**attrs, "since": since, "until": until}


class UsageRowAnswer(serializers.Serializer[dict[str, Any]]):
    """Sums of what was paid, with what they are told apart by."""

    day = serializers.SerializerMethodField(required=False)
    month = serializers.SerializerMethodField(required=False)
    model = serializers.CharField(required=False)
    user = serializers.CharField(source="user_id", required=False)
    task_id = serializers.UUIDField(required=False, allow_null=True)
    tenant = serializers.CharField(source="tenant__slug", required=False)
    calls = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField(source="sum_prompt_tokens")
    completion_tokens = serializers.IntegerField(source="sum_completion_tokens")
    total_tokens = serializers.IntegerField(source="sum_tokens")
    cost_usd = serializers.DecimalField(source="sum_usd", max_digits=24, decimal_places=9)
    unpriced_calls = serializers.IntegerField(help_text="Calls whose price is not known: it is not in `cost_usd`.")
    estimated_calls = serializers.IntegerField(help_text="Calls whose tokens the provider did not state.")

    def get_day(self, row: dict[str, Any]) -> str:
        """The day, UTC."""
        return f"{row['day']:%Y-%m-%d}"

    def get_month(self, row: dict[str, Any]) -> str:
        """The month, UTC."""
        return f"{row['month']:%Y-%m}"


class TenantUsageAnswer(serializers.Serializer[Any]):
    """What a tenant paid in a time."""

    tenant_id = serializers.UUIDField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    by = serializers.ListField(child=serializers.CharField())
    rows = UsageRowAnswer(many=True)
    total = UsageRowAnswer(allow_null=True)


def row_body(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with what it is told apart by, and no more."""
    answer = UsageRowAnswer(row)
    absent = [key for key in UsageKey if str(key) not in row]
    for key in absent:
        answer.fields.pop(_NAMES.get(key, str(key)))
    return dict(answer.data)


def columns_of(by: tuple[UsageKey, ...]) -> list[str]:
    """Return the columns of a table of rows."""
    return [*(_NAMES.get(key, str(key)) for key in by), *SUMS]


def _time(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        day, time = parse_date(text), parse_datetime(text)
    except ValueError:
        day = time = None
    if time is None and day is not None:
        time = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if time is None:
        raise serializers.ValidationError({name: "must be a day (2026-11-25) or a time (2026-11-25T10:00:00Z)"})
    return time if time.tzinfo else time.replace(tzinfo=UTC)
