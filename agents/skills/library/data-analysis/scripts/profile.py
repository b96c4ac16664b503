"""Profiles a CSV file: `{"path": "data.csv"}` on standard input, one JSON object on standard output.

For each column: values, missing ones, distinct ones, and for numbers the least, the greatest and the mean. Duplicate
rows are counted. It needs nothing but the standard library.
"""

import csv
import json
import statistics
import sys


def number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def described(values: list[str]) -> dict[str, object]:
    present = [value for value in values if value.strip()]
    numbers = [found for found in map(number, present) if found is not None]
    shown: dict[str, object] = {
        "values": len(present),
        "missing": len(values) - len(present),
        "distinct": len(set(present)),
    }
    if present and len(numbers) == len(present):
        shown |= {"min": min(numbers), "max": max(numbers), "mean": statistics.fmean(numbers)}
    return shown


with open(json.load(sys.stdin)["path"], newline="", encoding="utf-8-sig") as file:
    header, *rows = csv.reader(file)
columns = {name: described([row[at] if at < len(row) else "" for row in rows]) for at, name in enumerate(header)}
duplicates = len(rows) - len({tuple(row) for row in rows})
print(json.dumps({"rows": len(rows), "duplicate_rows": duplicates, "columns": columns}, indent=1))
