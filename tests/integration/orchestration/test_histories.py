"""Recorded runs come to the same today: decisions of the strategies, and effects of the steps in their order."""

import json
from pathlib import Path

import pytest

from agents.models import JournalEntry
from orchestration.replaying.service import replay
from orchestration.strategies import STRATEGIES
from tests.histories.loading import FOLDER, history_load

pytestmark = pytest.mark.django_db

HISTORIES = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_recorded_run_comes_to_the_same(path: Path) -> None:
    report = replay(history_load(path), with_prompts=False)
    assert report.difference is None
    assert report.decisions >= 1


def test_every_strategy_has_a_history() -> None:
    assert {json.loads(path.read_text())["strategy"] for path in HISTORIES} >= set(STRATEGIES)


def test_a_run_whose_model_was_asked_in_other_words_differs_only_where_words_count() -> None:
    task = history_load(FOLDER / "simple.json")
    changed = JournalEntry.objects.filter(task_id=task.id, kind="model")
    assert changed.update(request_digest="0" * 64) >= 1
    assert replay(task, with_prompts=False).difference is None
    assert replay(task, with_prompts=True).difference is not None
