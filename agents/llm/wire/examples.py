"""Which requests are written alike, and what was written for the first of them."""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, Generic, TypeVar

Example = TypeVar("Example")

_EXAMPLES_MAX: Final = 1_000
_OF_EACH_CALL: Final = frozenset({"messages", "timeout", "extra_headers", "api_key"})
_sorted_json: Final = json.JSONEncoder(sort_keys=True, default=repr).encode


class Examples(Generic[Example]):
    """What litellm made of requests, by their forms; the last thousand that were asked for. Thread-safe."""

    def __init__(self) -> None:
        """Make an empty collection."""
        self._kept: OrderedDict[bytes, Example] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, name: bytes) -> Example | None:
        """Return what was made of a request of this form; None: nothing yet."""
        with self._lock:
            found = self._kept.get(name)
            if found is not None:
                self._kept.move_to_end(name)
            return found

    def keep(self, name: bytes, example: Example) -> None:
        """Keep what was made of a request of this form."""
        with self._lock:
            self._kept[name] = example
            while len(self._kept) > _EXAMPLES_MAX:
                self._kept.popitem(last=False)


def form_name(parameters: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> bytes | None:
    """Return what requests have in common that are written alike; None: the messages hold more than plain words."""
    if not all(isinstance(message.get("content"), str | None) for message in messages):
        return None
    forms = sorted({_sorted_json(_form(message)) for message in messages})
    rest = {name: value for name, value in parameters.items() if name not in _OF_EACH_CALL}
    return blake2b(_sorted_json([forms, rest]).encode(), digest_size=16).digest()


def _form(value: Any) -> Any:
    """Return a value without its words: names, and kinds of what they name. Who speaks is told by `role` itself."""
    if isinstance(value, Mapping):
        return {name: inner if name in {"role", "type"} else _form(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return sorted({_sorted_json(_form(inner)) for inner in value})
    return type(value).__name__
