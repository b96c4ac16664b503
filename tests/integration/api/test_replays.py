"""The replay endpoint."""

import pytest

from orchestration.models import Task
from tests.integration.api.callers import Caller, error_of
from tests.integration.orchestration.playing import play

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_run_is_replayed_over_http(caller: Caller, stranger: Caller) -> None:
    task = caller.submit(mode="simple")
    address = f"/api/v1/tasks/{task.id}/replay"
    assert (
        error_of(caller.client.post(address, {}, content_type="application/json"), 409)["code"] == "TASK_NOT_FINISHED"
    )
    play(task.id)
    answer = caller.client.post(address, {}, content_type="application/json").json()
    assert (answer["matches"], answer["difference"], answer["strategy"]) == (True, None, "simple")
    Task.objects.filter(id=task.id).update(result="wrong")
    told = caller.client.post(address, {}, content_type="application/json").json()
    assert (told["matches"], told["difference"]["where"]) == (False, "result")
    assert told["difference"]["recorded"] == "wrong"
    assert error_of(stranger.client.post(address, {}, content_type="application/json"), 404)["code"] == "TASK_NOT_FOUND"
    assert error_of(caller.client.post(address, {"x": 1}, content_type="application/json"), 400)["details"]["unknown"]
