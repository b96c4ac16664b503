"""Brokers that misdeliver doorbells: each twice, or none while a file says so. Everything else passes as it is."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from kombu.transport.redis import Channel, Transport

LOST_FILE = "doorbells-are-lost"


class TwiceChannel(Channel):
    """Puts every doorbell into its queue twice, under one delivery tag, as a redelivery does."""

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        super()._put(queue, message, **kwargs)
        if queue in settings.SHANNON_QUEUES:
            super()._put(queue, message, **kwargs)


class LossyChannel(Channel):
    """Takes doorbells and delivers none of them while the file is there."""

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        is_lost = queue in settings.SHANNON_QUEUES and (Path(os.environ["SHANNON_LOCAL_DIR"]) / LOST_FILE).exists()
        if not is_lost:
            super()._put(queue, message, **kwargs)


class Twice(Transport):
    """Redis with `TwiceChannel`."""

    Channel = TwiceChannel


class Lossy(Transport):
    """Redis with `LossyChannel`."""

    Channel = LossyChannel
