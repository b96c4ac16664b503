"""Connections of a platform that makes many short transactions: each wait for the server counts.

Three things differ from Django's own backend. A transaction may be pipelined: its statements are sent one after another
without waiting for answers that nobody reads, BEGIN with the first of them and COMMIT with the last. BEGIN is a
statement like any other, which is what makes that possible. And a connection from the pool is not asked whether it
lives: a server that went away has closed it, which is seen without asking.
"""

import select
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import psycopg
from django.db import DatabaseError, InterfaceError
from django.db.backends.postgresql import base
from django.db.backends.utils import debug_transaction

from shannon_project.foundation.postgres.cursors import WaitingCursor


class DatabaseWrapper(base.DatabaseWrapper):
    """One thread's connection."""

    _pipelines_next = False
    _orm_waits = True
    _pipeline: "_Pipeline | None" = None

    @property
    def _django(self) -> Any:
        """Django's own behaviour, of which its type stubs know only a part."""
        return super()

    @contextmanager
    def pipelining(self) -> Iterator[None]:
        """Let the transaction that is begun within be pipelined."""
        self._pipelines_next = True
        try:
            yield
        finally:
            self._pipelines_next = False

    @contextmanager
    def orm_unread(self) -> Iterator[None]:
        """Let the ORM's statements not wait within."""
        self._orm_waits = False
        try:
            yield
        finally:
            self._orm_waits = True

    def get_connection_params(self) -> dict[str, Any]:
        """Return what a connection is made with."""
        params: dict[str, Any] = super().get_connection_params()
        return {**params, "cursor_factory": WaitingCursor}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection of the pool that is alive; what is not goes back closed, and the pool replaces it."""
        connection = super().get_new_connection(conn_params)
        while self.pool is not None and not is_alive(connection):
            connection.close()
            self.pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection

    def create_cursor(self, name: str | None = None) -> Any:
        """Return a cursor that waits for the answers to what it executes, in a pipeline too."""
        cursor = super().create_cursor(name)
        if self._pipeline is not None:
            cursor.after = self.wait_for_all if self._orm_waits else self.mark_end
        return cursor

    def mark_end(self) -> None:
        """Tell the server that a statement is complete, without waiting; see `_Pipeline.mark_end`."""
        if self._pipeline is not None:
            self._pipeline.mark_end()

    def wait_for_all(self) -> None:
        """Wait for every answer that is still to come; raise the first error among them."""
        if self._pipeline is not None:
            with self.wrap_database_errors:
                self._pipeline.sync()

    def _start_transaction_under_autocommit(self) -> None:
        """Begin a transaction. Django calls this where a driver does not begin one by itself."""
        with debug_transaction(self, "BEGIN"), self.wrap_database_errors:
            if self._pipelines_next:
                self._pipeline = _Pipeline(self.connection)
            self.connection.execute("BEGIN")
            self.mark_end()

    def _commit(self) -> None:
        if self._pipeline is None:
            self._django._commit()
            return
        with debug_transaction(self, "COMMIT"), self.wrap_database_errors:
            commit = self.connection.execute("COMMIT")
            self._leave_pipeline()
            if commit.statusmessage != "COMMIT":  # the server rolls back what failed before, and calls that no error
                raise psycopg.errors.InFailedSqlTransaction("a statement of the transaction had failed")

    def _rollback(self) -> None:
        with suppress(psycopg.Error):  # of statements whose answers nobody wants any more
            self._leave_pipeline()
        self._django._rollback()

    def _savepoint_commit(self, sid: str) -> None:
        """Release a savepoint; an error of what was done since is raised here, where whoever set it expects it."""
        self._django._savepoint_commit(sid)
        self.wait_for_all()

    def _savepoint_rollback(self, sid: str) -> None:
        with suppress(DatabaseError, InterfaceError):  # it is why this is rolled back
            self.wait_for_all()
        self._django._savepoint_rollback(sid)

    def _close(self) -> None:
        with suppress(psycopg.Error):
            self._leave_pipeline()
        self._django._close()

    def _leave_pipeline(self) -> None:
        """Wait for every answer, and go on without a pipeline."""
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            pipeline.leave()


class _Pipeline:
    """A pipeline that is open from its making until it is left."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection
        self._context: AbstractContextManager[psycopg.Pipeline] = connection.pipeline()
        self._pipeline = self._context.__enter__()

    def sync(self) -> None:
        """Wait for what is still to come."""
        self._pipeline.sync()

    def mark_end(self) -> None:
        """End a statement by a Sync message, as `sync` does, but do not wait for the answer.

        Without it the server takes the session for busy until the next one: were this process to stand still there, no
        limit on idle transactions would hold, and what it has locked would stay locked.
        """
        self._connection.pgconn.pipeline_sync()
        self._pipeline.result_queue.append(None)  # so psycopg expects the answer

    def leave(self) -> None:
        """Wait for what is still to come, and end it."""
        self._context.__exit__(None, None, None)


def is_alive(connection: "psycopg.Connection[Any]") -> bool:
    """Return whether an idle connection is open. It is asked only if something waits to be read: mostly, its end."""
    try:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        if poll.poll(0):
            connection.execute("")
    except psycopg.Error:
        return False
    return True
