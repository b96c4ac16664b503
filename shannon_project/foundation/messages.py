"""Messages to the broker that are sent together: one round trip for many, where Celery would make two for each."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from celery import Celery, current_app

COMMANDS_AT_ONCE: Final = 64  # a message is one command, and that it was sent, for Flower, another

_producer: Final[ContextVar[Any]] = ContextVar("producer_of_messages_sent_together", default=None)


class BatchingCelery(Celery):
    """Celery that sends what is sent in `messages_together` by one producer."""

    def producer_or_acquire(self, producer: Any = None) -> Any:
        """Return the context of the producer that is given, or of that of the surrounding block, or of a free one."""
        return super().producer_or_acquire(producer or _producer.get())


@contextmanager
def messages_together() -> Iterator[None]:
    """Send the messages of the block in few round trips, the last at its end.

    Raises:
        redis.RedisError: The broker does not answer; some of the messages may have been sent.
    """
    with current_app.producer_or_acquire() as producer, producer.batch(max_size=COMMANDS_AT_ONCE):
        token = _producer.set(producer)
        try:
            yield
        finally:
            _producer.reset(token)
