"""Tables of results in the pages of `docs/`, each between two marks: what they say was measured, not written."""

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import Row

STRATEGIES_HEAD = "| strategy | steps | model calls | tokens | USD | seconds |\n|---|---:|---:|---:|---:|---:|"


def tables_write(rows: Sequence[Row], folder: Path) -> None:
    """Write the table of `strategies.md`, if its rows were measured.

    Args:
        rows: What was measured.
        folder: Where the pages are.
    """
    measured = [row.note for row in rows if row.key.startswith("strategy-")]
    if measured:
        page = folder / "strategies.md"
        page.write_text(with_table(page.read_text(), "strategies", "\n".join([STRATEGIES_HEAD, *measured])))


def with_table(text: str, name: str, table: str) -> str:
    """Return a page with a table between its marks.

    Raises:
        ValueError: The page has no such marks.
    """
    begin, end = f"<!-- measured: {name} -->", f"<!-- end: {name} -->"
    changed, count = re.subn(
        rf"{re.escape(begin)}\n.*?{re.escape(end)}", lambda _: f"{begin}\n{table}\n{end}", text, flags=re.DOTALL
    )
    if count != 1:
        raise ValueError(f"the page has no marks {begin} and {end}")
    return changed
