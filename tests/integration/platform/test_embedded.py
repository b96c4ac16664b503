"""The embedded servers, as the tests and the local stack use them."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from redis import Redis

from shannon_project.embedded import EmbeddedPostgres, EmbeddedValkey, PostgresNotStarted, ValkeyPortTaken
from tests.servers import TestServers


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that Postgres, who is another user, may enter; pytest's own is closed again by every run that starts."""
    with tempfile.TemporaryDirectory(prefix="shannon-embedded-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.django_db
def test_django_talks_to_postgres_with_pgvector() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT '[1,2]'::vector <-> '[1,3]'::vector")
        assert cursor.fetchone() == (1.0,)


def test_a_second_pair_runs_beside_the_first(servers: TestServers, folder: Path) -> None:
    postgres = EmbeddedPostgres(folder / "postgres", durable=False)
    valkey = EmbeddedValkey(folder / "valkey")
    try:
        with psycopg.connect(postgres.start()) as second:
            assert second.execute("SELECT extname FROM pg_extension WHERE extname = 'vector'").fetchone()
        with Redis.from_url(valkey.start()) as redis:
            assert redis.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert redis.config_get("appendonly") == {"appendonly": "yes"}
        if servers.postgres and servers.valkey:
            assert {postgres.pid, valkey.pid}.isdisjoint({servers.postgres.pid, servers.valkey.pid})
    finally:
        postgres.stop()
        valkey.stop()
    assert postgres.pid is None
    assert valkey.pid is None


def test_a_valkey_whose_port_another_one_took_says_so_and_chooses_another(folder: Path) -> None:
    first, second = EmbeddedValkey(folder / "first"), EmbeddedValkey(folder / "second")
    taken = first.start()
    try:
        second.prepare()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(second, "_port", int(taken.rpartition(":")[2].removesuffix("/0")))
            with pytest.raises(ValkeyPortTaken):
                second.wait_ready()
        assert second.start() != taken
    finally:
        first.stop()
        second.stop()


def test_a_handle_stops_a_server_that_another_one_started(folder: Path) -> None:
    EmbeddedPostgres(folder / "postgres", durable=False).start()
    later = EmbeddedPostgres(folder / "postgres")
    assert later.pid is not None
    later.stop()
    assert later.pid is None


def test_a_stale_pid_file_is_not_taken_for_a_server(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder / "postgres", durable=False)
    postgres.start()
    pid_text = (folder / "postgres" / "postmaster.pid").read_text()
    postgres.stop()
    lines = pid_text.splitlines()
    lines[0] = "1"  # a process that runs, and is none of ours
    (folder / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
    try:
        with psycopg.connect(postgres.start()) as again:
            assert again.execute("SELECT 1").fetchone() == (1,)
    finally:
        postgres.stop()


def test_a_refusing_postgres_says_where_its_log_is(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder / "postgres", durable=False)
    postgres.start()
    postgres.stop()
    with (folder / "postgres" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(PostgresNotStarted, match="log") as caught:
        postgres.start()
    assert caught.value.details["log"].startswith(str(folder))
