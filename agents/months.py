"""Which tables of this app are partitioned by month."""

from typing import Final

from shannon_project.foundation.partitions import MonthKey, MonthTable

JOURNAL: Final = MonthTable("agents_journalentry", "step_id", MonthKey.UUID7)
BLOBS: Final = MonthTable("agents_blob", "month", MonthKey.DATE)


def month_tables() -> tuple[MonthTable, ...]:
    """Return them, so that the months to come are made and old ones dropped."""
    return (JOURNAL, BLOBS)
