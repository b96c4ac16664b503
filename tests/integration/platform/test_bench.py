"""A run of measurements: what fails is told with its reason and stops no other."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import redis
from django.conf import settings
from django.db import connection, transaction

from benchmarks.bench import Bench, Measure, run_rows
from benchmarks.plots import plots_write
from benchmarks.report import Row, Run, machine_description, report_print, report_write
from benchmarks.tables import tables_write
from orchestration.engine.advance import task_advance
from orchestration.models import Step, Task
from orchestration.services import fanout_submit
from policy.types import Principal
from tests.integration.orchestration.playing import principal

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)

BENCH = Bench(stack={}, runs=1, scale=1.0)


@pytest.fixture(autouse=True)
def _alarm() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.signal(signal.SIGALRM, before)


def row(name: str, **more: object) -> Row:
    return Row(name=name, unit="ms", ours=1.0, ours_min=1.0, ours_max=1.0, **more)  # type: ignore[arg-type]


def good(_: Bench) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return [row("good")]


def broken(_: Bench) -> list[Row]:
    raise ValueError("no such thing")


def stuck(_: Bench) -> list[Row]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(600)")
    return [row("never")]


def measured(*functions: object, minutes: float = 5.0) -> Run:
    chosen = {
        function.__name__: Measure(function, 1 if function is stuck else 60, is_alone=True)  # type: ignore[attr-defined,arg-type]
        for function in functions
    }
    return run_rows(BENCH, chosen, minutes=minutes)


def test_what_fails_is_told_and_the_others_are_measured() -> None:
    run = measured(broken, good)
    assert run.failures == {"broken": "ValueError: no such thing"}
    assert [found.name for found in run.rows] == ["good"]
    assert set(run.seconds) == {"broken", "good"}


def test_a_row_that_hangs_in_a_statement_is_left_and_the_next_has_a_connection() -> None:
    run = measured(stuck, good)
    assert run.failures == {"stuck": "it was not done after 1 s"}
    assert [found.name for found in run.rows] == ["good"]


def test_what_the_time_of_the_whole_run_does_not_reach_is_told() -> None:
    run = measured(good, minutes=0)
    assert (run.rows, list(run.failures)) == ([], ["good"])


def test_what_a_failed_row_left_at_work_is_ended(principal: Principal) -> None:
    def left(_: Bench) -> list[Row]:
        task_advance(fanout_submit(principal=principal, width=5, concurrency_limit=2).id)
        raise ValueError("after it began")

    measured(left)
    assert set(Task.objects.values_list("status", flat=True)) == {"CANCELLED"}
    assert set(Step.objects.values_list("status", flat=True)) == {"cancelled"}
    broker = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    assert [broker.llen(queue) for queue in settings.SHANNON_QUEUES] == [0 for _ in settings.SHANNON_QUEUES]
    broker.close()


def test_the_table_has_target_figure_ratio_and_verdict_and_those_that_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = Run(
        rows=[row("fast", target="≤ 2 ms", met=True, reference_name="peer", reference=4.0, ratio=0.25), row("slow")],
        failures={"lost": "TimeoutError: [it] did not end"},
        seconds={"fast": 1.0},
    )
    report_print(run, machine_description())
    told = capsys.readouterr().out
    for words in ("target", "verdict", "≤ 2 ms", "peer: 4.00", "0.25", "met", "lost", "FAILED", "1 targets met"):
        assert words in told
    assert "TimeoutError: [it] did not end" in told


def test_results_and_pictures_are_written(tmp_path: Path) -> None:
    growth = [row(f"{width} steps", key=f"fanout-{width}", reference=2.0 * width) for width in (10, 100, 1_000)]
    peers = [row("300 steps", key="peer-dbos", reference_name="DBOS <queue>", reference=7.6)]
    report_write(Run(rows=[*growth, *peers]), machine_description(), tmp_path / "results" / "latest.json")
    plots_write([*growth, *peers], tmp_path)
    assert len(json.loads((tmp_path / "results" / "latest.json").read_text())["rows"]) == 4
    for name, words in {
        "growth": ["10", "1,000", "raw Celery chord"],
        "peers": ["DBOS <queue>", "this platform"],
    }.items():
        picture = ElementTree.parse(tmp_path / f"performance-{name}.svg")
        told = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
        assert all(word in told for word in words)


def test_a_table_of_a_page_is_written_anew_and_the_rest_stays(tmp_path: Path) -> None:
    page = tmp_path / "strategies.md"
    page.write_text("before\n<!-- measured: strategies -->\nold\n<!-- end: strategies -->\nafter\n")
    tables_write([row("other", key="fanout-10")], tmp_path)
    assert "old" in page.read_text()
    tables_write([row("simple", key="strategy-simple", note="| `simple` | 3 |")], tmp_path)
    lines = page.read_text().splitlines()
    assert (lines[0], lines[4], lines[-1]) == ("before", "| `simple` | 3 |", "after")
    page.write_text("no marks")
    with pytest.raises(ValueError, match="no marks"):
        tables_write([row("simple", key="strategy-simple", note="x")], tmp_path)
