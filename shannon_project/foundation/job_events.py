"""What a worker tells Flower of its jobs: many events in a message, now and then, and not one at each turn."""

from typing import Any, Final

from celery.bootsteps import StartStopStep

TELL_SECONDS: Final = 0.25  # by so much Flower may be late
EVENTS_MAX: Final = 1_000  # of one message


class EventsTogether(StartStopStep):
    """Sends the events of jobs at intervals.

    Celery sends them whenever its loop has nothing else to do: while a job that has just been received waits for the
    interpreter, each in a round trip of its own, which Flower then reads one by one.
    """

    requires = ("celery.worker.consumer.events:Events",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        """Take the consumer; nothing runs yet."""
        self._timer: Any = None
        super().__init__(consumer, **options)

    def start(self, consumer: Any) -> None:
        """Begin to send; called anew after each connection to the broker, when there is a new dispatcher."""
        dispatcher = consumer.event_dispatcher
        if consumer.hub is None or dispatcher is None:  # without a loop nothing is kept back
            return
        dispatcher.on_send_buffered = None
        dispatcher.buffer_limit = EVENTS_MAX
        self._timer = consumer.timer.call_repeatedly(TELL_SECONDS, dispatcher.flush)

    def stop(self, consumer: Any) -> None:  # noqa: ARG002 - Celery passes it
        """Stop sending; what is left is sent when the dispatcher is there again, or not at all."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
