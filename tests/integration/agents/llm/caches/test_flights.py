"""Many that ask the same at once are answered by one call."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from agents.llm.caching.answering import CacheRules, answer_through_caches
from agents.llm.types import ModelReply
from shannon_project.foundation.ids import uuid7

pytestmark = pytest.mark.django_db


def flights(count: int, ask_model: Any, checkpoint: Callable[[], None]) -> list[ModelReply]:
    rules, found = CacheRules(uuid7().hex, 60, None), list[ModelReply]()

    def work() -> None:
        found.append(answer_through_caches(rules, ask_model, checkpoint=checkpoint, wait_seconds=60.0))

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return found


def test_many_that_ask_the_same_at_once_are_answered_by_one_call() -> None:
    asked: list[int] = []
    waiting: set[int] = set()
    all_wait = threading.Event()

    def checkpoint() -> None:
        waiting.add(threading.get_ident())
        if len(waiting) == 7:
            all_wait.set()

    def ask_model() -> ModelReply:
        asked.append(1)
        assert all_wait.wait(60)
        return ModelReply("one", prompt_tokens=5, completion_tokens=1)

    found = flights(8, ask_model, checkpoint)

    assert len(asked) == 1
    assert [reply.text for reply in found] == ["one"] * 8
    assert sorted(reply.hit.kind if reply.hit else "" for reply in found) == ["", *["flight"] * 7]


def test_when_the_first_of_them_fails_another_one_asks() -> None:
    asked: list[int] = []

    def ask_model() -> ModelReply:
        asked.append(1)
        time.sleep(0.1)
        if len(asked) == 1:
            raise KeyError("the first one")
        return ModelReply("two", prompt_tokens=5, completion_tokens=1)

    rules, found = CacheRules(uuid7().hex, 60, None), list[str]()

    def work() -> None:
        try:
            found.append(answer_through_caches(rules, ask_model, checkpoint=lambda: None, wait_seconds=120.0).text)
        except KeyError:
            found.append("failed")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert sorted(found) == ["failed", "two", "two", "two"]
    assert len(asked) == 2
