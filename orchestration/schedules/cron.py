"""Times of a cron expression. Pure: the clock is an argument.

Five fields as in crontab(5), day of month *or* day of week where both are given; times are of the schedule's time zone,
and what falls into the hour that a change of clocks takes away or gives twice is as Debian's cron has it (cronsim).
"""

import re
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from celery.schedules import ParseException, crontab
from cronsim import CronSim, CronSimError

from orchestration.errors import ScheduleInvalid

FIELDS: Final = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
_FIELD: Final = re.compile(r"^[0-9A-Za-z*,/-]+\Z")
_LOOKED_AT: Final = 100  # times in a row among which the shortest interval is sought
_FIRST: Final = datetime(2026, 1, 1, tzinfo=UTC)


def cron_check(expression: str, timezone: str, *, min_interval_seconds: float) -> None:
    """Refuse an expression that is none, is never due, or is due too often.

    Raises:
        ScheduleInvalid: The caller's fault; says what is wrong.
    """
    if timezone not in available_timezones():
        raise ScheduleInvalid(f"timezone: there is no time zone {timezone[:64]!r}; use a name like Europe/Berlin.")
    beat_fields(expression)
    try:
        times = list(islice(CronSim(expression, _FIRST.astimezone(ZoneInfo(timezone))), _LOOKED_AT))
    except CronSimError as error:
        raise ScheduleInvalid(f"cron_expression: {error}.") from error
    if not times:
        raise ScheduleInvalid("cron_expression: there is no such day in the next 50 years.")
    shortest = min((later - earlier for earlier, later in pairwise(_utc(times))), default=timedelta.max)
    if shortest.total_seconds() < min_interval_seconds:
        raise ScheduleInvalid(
            f"cron_expression: it is due every {shortest.total_seconds():.0f} s; "
            f"at least {min_interval_seconds:.0f} s must lie between two runs.",
            details={"min_interval_seconds": min_interval_seconds},
        )


def next_after(expression: str, timezone: str, moment: datetime) -> datetime | None:
    """Return the first time after a moment, in UTC; None when there is none in the next 50 years."""
    found = next(CronSim(expression, moment.astimezone(ZoneInfo(timezone))), None)
    return None if found is None else found.astimezone(UTC)


def beat_fields(expression: str) -> dict[str, str]:
    """Return the fields as beat's crontab has them.

    Raises:
        ScheduleInvalid: There are not five of them, or beat cannot read one.
    """
    words = expression.split()
    if len(words) != len(FIELDS) or not all(map(_FIELD.match, words)):
        raise ScheduleInvalid(
            "cron_expression: must have five fields (minute, hour, day of month, month, day of week) of digits, "
            "names and * , / -, for example '0 9 * * 1-5'."
        )
    fields = dict(zip(FIELDS, words, strict=True))
    fields["day_of_week"] = re.sub(r"(?<![0-9/])7(?![0-9])", "0", fields["day_of_week"])
    if "-0" in fields["day_of_week"]:  # a range up to Sunday: beat only rings more often than is due
        fields["day_of_week"] = "*"
    for name, word in fields.items():
        _beat_check(name.replace("_", " "), {name: word})
    _beat_check("", fields)
    return fields


def _beat_check(place: str, fields: dict[str, str]) -> None:
    """Refuse what beat cannot read; `place` is the field that is at fault."""
    try:
        crontab(**fields)
    except (ParseException, ValueError) as error:
        where = f"cron_expression: {place}".rstrip(" :")
        raise ScheduleInvalid(f"{where}: {str(error).rstrip('.')}.") from error


def _utc(times: list[datetime]) -> list[datetime]:
    """Local times differ by their clocks; moments do not."""
    return [time.astimezone(UTC) for time in times]
