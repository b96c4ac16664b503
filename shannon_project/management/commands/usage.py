"""`manage.py usage`: prints what every tenant paid, for who operates the platform."""

import csv
import json
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from orchestration.api.serializers.usage import FORMATS, KEYS, UsageQuery, columns_of, row_body
from orchestration.api.tables import ROWS_EACH, cells
from policy.selectors import tenant_for, usage_rows

_ASKED: Final = ("since", "until", "by", "model", "user", "format")


class Command(BaseCommand):
    """Adds up the ledger of all tenants, or of one."""

    help = "Print what was paid, by tenant and month unless --by says otherwise, as a table (CSV) or as JSON lines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what the API's `usage` takes, and whose."""
        parser.add_argument("--tenant", help="the slug of one; absent: all of them")
        parser.add_argument("--by", default="tenant,month", help=f"of {', '.join(KEYS)}; comma-separated")
        parser.add_argument("--since", default="", help="a day or time, UTC; default: 30 days ago")
        parser.add_argument("--until", default="", help="before this day or time; default: now")
        parser.add_argument("--model", help="calls of this model only")
        parser.add_argument("--user", help="calls of this user only")
        parser.add_argument("--format", choices=FORMATS, default="csv")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the rows as they are read."""
        query = UsageQuery(data={name: options[name] for name in _ASKED if options[name] is not None})
        if not query.is_valid():
            raise CommandError("; ".join(f"{name}: {problems[0]}" for name, problems in query.errors.items()))
        asked = query.validated_data
        if not asked["by"]:
            raise CommandError(f"--by: name some of {', '.join(KEYS)}.")
        only = {"model": asked["model"], "user_id": asked["user"]}
        with transaction.atomic():
            rows = usage_rows(
                tenant_id=self._tenant_id(options["tenant"]),
                since=asked["since"],
                until=asked["until"],
                by=asked["by"],
                only={name: value for name, value in only.items() if value is not None},
            ).iterator(chunk_size=ROWS_EACH)
            self._print((row_body(row) for row in rows), columns_of(asked["by"]), is_table=asked["format"] == "csv")

    def _tenant_id(self, slug: str | None) -> Any:
        if slug is None:
            return None
        tenant = tenant_for(slug=slug)
        if tenant is None:
            raise CommandError(f"There is no tenant {slug}.")
        return tenant.id

    def _print(self, rows: Iterable[dict[str, Any]], columns: list[str], *, is_table: bool) -> None:
        if not is_table:
            for row in rows:
                self.stdout.write(json.dumps(row, cls=DjangoJSONEncoder))
            return
        table = csv.writer(self.stdout, lineterminator="\n")
        table.writerow(columns)
        table.writerows(cells(rows, columns))
