"""When a cron expression is due, and which are refused."""

from datetime import UTC, datetime

import pytest

from orchestration.errors import ScheduleInvalid
from orchestration.schedules.cron import beat_fields, cron_check, next_after


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "timezone", "after", "expected"),
    [
        ("0 9 * * 1-5", "UTC", "2026-11-27 09:00", "2026-11-30 09:00"),  # Friday, then Monday
        ("0 9 * * *", "America/New_York", "2026-07-01 00:00", "2026-07-01 13:00"),
        ("0 9 * * *", "America/New_York", "2026-12-01 00:00", "2026-12-01 14:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-29 00:00", "2026-03-29 01:00"),  # half past two is taken away
        ("0 0 13 * 5", "UTC", "2026-11-01 00:00", "2026-11-06 00:00"),  # the 13th, or a Friday
        ("0 0 29 2 *", "UTC", "2026-01-01 00:00", "2028-02-29 00:00"),
    ],
)
def test_the_next_time_is_that_of_the_schedules_zone(expression: str, timezone: str, after: str, expected: str) -> None:
    assert next_after(expression, timezone, at(after)) == at(expected)


@pytest.mark.parametrize(
    ("expression", "timezone", "says"),
    [
        ("0 9 * *", "UTC", "five fields"),
        ("0 0 9 * * *", "UTC", "five fields"),
        ("61 * * * *", "UTC", "cron_expression: minute: "),
        ("0 24 * * *", "UTC", "cron_expression: hour: "),
        ("0 0 L * *", "UTC", "cron_expression"),
        ("0 0 30 2 *", "UTC", "never occurs"),
        ("@daily", "UTC", "five fields"),
        ("* * * * *", "UTC", "every 60 s; at least 300 s"),
        ("0,4 * * * *", "UTC", "every 240 s"),
        ("0 9 * * *", "Mars/Olympus", "no time zone"),
        ("0 9 * * *; rm -rf /", "UTC", "five fields"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_says_why(expression: str, timezone: str, says: str) -> None:
    with pytest.raises(ScheduleInvalid, match=says):
        cron_check(expression, timezone, min_interval_seconds=300)


@pytest.mark.parametrize(
    "expression", ["*/5 * * * *", "0 9 * * MON-FRI", "0 0 1 JAN *", "0 12 * * 7", "0 0 * * 5-7", "0 0 * * */7"]
)
def test_usual_expressions_are_taken(expression: str) -> None:
    cron_check(expression, "Europe/Berlin", min_interval_seconds=300)


def test_beat_is_told_the_same_or_more() -> None:
    assert beat_fields("0 12 * * 7")["day_of_week"] == "0"
    assert beat_fields("0 12 * * 1-5")["day_of_week"] == "1-5"
