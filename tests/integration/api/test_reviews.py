"""The review endpoint: ETag, If-Match, and what it refuses."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.engine.lease import KEEPER
from tests.integration.api.callers import Caller, error_of

pytestmark = pytest.mark.django_db(transaction=True)

PARTS = "1. What is 17 * 3?\n2. What is 100 / 8?"


@pytest.fixture
def address(caller: Caller) -> Any:
    """A task whose plan waits for its review."""
    task = caller.submit(PARTS, context={"require_review": True})
    for _ in range(2):
        task_advance(task.id)
        drain(task.id, first=None)
    yield f"/api/v1/tasks/{task.id}/review"
    KEEPER.stop()


def post(caller: Caller, address: str, body: dict[str, Any], **headers: str) -> Any:
    return caller.client.post(address, body, content_type="application/json", headers=headers)


def test_a_plan_is_read_answered_and_approved(caller: Caller, address: str) -> None:
    seen = caller.client.get(address)
    state = seen.json()
    assert (seen["ETag"], state["version"], state["status"], state["round"]) == ('"1"', 1, "reviewing", 1)
    assert state["current_plan"].startswith("1. ")
    assert [turn["role"] for turn in state["rounds"]] == ["assistant"]
    refused = error_of(post(caller, address, {"action": "approve"}, **{"If-Match": '"9"'}), 409)
    assert (refused["code"], refused["details"]["version"]) == ("REVIEW_CONFLICT", 1)
    answer = post(caller, address, {"action": "approve"}, **{"If-Match": seen["ETag"]})
    assert (answer.status_code, answer["ETag"], answer.json()["status"]) == (200, '"2"', "approved")


def test_approving_needs_the_right_to_decide(caller_with: Callable[..., Caller], caller: Caller, address: str) -> None:
    writer = caller_with("tasks:read", "tasks:write")
    assert error_of(post(writer, address, {"action": "approve"}), 403)["code"] == "SCOPE_MISSING"
    assert post(writer, address, {"action": "feedback", "message": "What is 1 + 1?"}).status_code == 200


def test_refusals(caller: Caller, stranger: Caller, address: str) -> None:
    assert error_of(stranger.client.get(address), 404)["code"] == "TASK_NOT_FOUND"
    assert error_of(post(stranger, address, {"action": "approve"}), 404)["code"] == "TASK_NOT_FOUND"
    plain = f"/api/v1/tasks/{caller.submit().id}/review"
    assert error_of(caller.client.get(plain), 404)["code"] == "REVIEW_NOT_FOUND"
    for body, word in (
        ({"action": "feedback"}, "message"),
        ({"action": "approve", "message": "x"}, "message"),
        ({"action": "reject"}, "action"),
        ({"action": "approve", "colour": 1}, "colour"),
    ):
        assert word in error_of(post(caller, address, body), 400)["message"]
    assert "If-Match" in error_of(post(caller, address, {"action": "approve"}, **{"If-Match": "one"}), 400)["message"]
    assert caller.client.get(address).json()["version"] == 1
