"""The admin: every page opens, run data cannot be changed, what it does goes through services."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import UUIDField
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import PeriodicTask

from orchestration.models import Event, IdempotencyRecord, Step, Task
from orchestration.schedules.writing import ScheduleSpec, schedule_create
from shannon_project.foundation import admin as shared_admin
from shannon_project.foundation.admin import JSON_SHOWN_CHARACTERS
from tests.integration.api.callers import Caller

INTERNAL = {"PolicyGeneration"}  # one row that counts changes of policies
OUR_MODELS = [
    model
    for name in ("policy", "agents", "orchestration")
    for model in apps.get_app_config(name).get_models()
    if model.__name__ not in INTERNAL
]


@pytest.fixture
def staff(db: None) -> Client:
    """A signed-in administrator."""
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="a-long-password-1"))
    return client


def test_every_model_is_in_the_admin() -> None:
    assert [model.__name__ for model in OUR_MODELS if not admin.site.is_registered(model)] == []


def test_times_are_told_to_the_second(staff: Client, caller: Caller) -> None:
    task = caller.submit()
    Task.objects.filter(id=task.id).update(created_at=datetime(2026, 11, 26, 14, 3, 7, tzinfo=UTC))
    assert "2026-11-26 14:03:07" in staff.get("/admin/orchestration/task/").content.decode()
    assert "2026-11-26 14:03:07" in staff.get(f"/admin/orchestration/task/{task.id}/change/").content.decode()


def test_the_first_page_tells_what_happened(staff: Client, caller: Caller) -> None:
    Task.objects.filter(id=caller.submit("Compare the prices").id).update(status="COMPLETED", prompt_tokens=1234)
    caller.submit("An open task")
    page = staff.get("/admin/").content.decode()
    for text in ("Compare the prices", "1,234", "100%", "An open task"):
        assert text in page


@pytest.mark.parametrize("model", OUR_MODELS)
def test_every_list_opens(staff: Client, caller: Caller, model: Any) -> None:
    caller.submit()
    path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    assert staff.get(path).status_code == 200


@pytest.mark.parametrize("term", ["prices", "01a20509", "01a20509-ad4a-7061-98bd-23990debeed5"])
def test_every_search_opens(staff: Client, term: str) -> None:
    paths = [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in OUR_MODELS]
    assert [path for path in paths if staff.get(path, {"q": term}).status_code != 200] == []


def test_no_search_compares_the_text_of_ids(staff: Client) -> None:
    staff.get("/admin/")  # with the routes come the pages
    named = [(model, name) for model in OUR_MODELS for name in admin.site.get_model_admin(model).search_fields]
    assert named
    columns = [get_fields_from_path(model, name)[-1] for model, name in named]
    assert [column for column in columns if isinstance(column, UUIDField)] == []


def test_tasks_are_found_by_their_id_or_its_first_digits_in_the_index(staff: Client, caller: Caller) -> None:
    task, other = caller.submit("The first"), caller.submit("The second")
    path = "/admin/orchestration/task/"
    with CaptureQueriesContext(connection) as queries:
        page = staff.get(path, {"q": str(task.id)}).content.decode()
    assert "The first" in page
    assert "The second" not in page
    assert [query["sql"] for query in queries if "UPPER" in query["sql"]] == []
    page = staff.get(path, {"q": other.id.hex[:8]}).content.decode()
    assert "The second" in page


def test_words_that_could_be_an_id_are_found_as_words(staff: Client, caller: Caller) -> None:
    caller.submit("What does 0xdeadbeef stand for?")
    assert "stand for" in staff.get("/admin/orchestration/task/", {"q": "deadbeef"}).content.decode()


def test_words_find_nothing_where_only_ids_are_searched(staff: Client, caller: Caller) -> None:
    task = caller.submit("Compare the prices")
    path = "/admin/agents/message/"
    assert "Compare the prices" in staff.get(path, {"q": str(task.id)}).content.decode()
    assert "Compare the prices" not in staff.get(path, {"q": "prices"}).content.decode()


@pytest.mark.parametrize("model", [Task, Step, Event, IdempotencyRecord])
def test_run_data_can_be_neither_added_nor_changed_nor_deleted(staff: Client, caller: Caller, model: Any) -> None:
    task = caller.submit("before")
    Step.objects.create(task=task, key="s1", position=0, kind="agent", title="One", status="ready")
    IdempotencyRecord.objects.create(tenant=caller.tenant, key="k", endpoint="tasks", request_digest="d", task=task)
    row = model.objects.get()
    path = f"/admin/orchestration/{model._meta.model_name}"
    assert staff.get(f"{path}/{row.pk}/change/").status_code == 200
    assert staff.get(f"{path}/add/").status_code == 403
    assert staff.post(f"{path}/{row.pk}/change/", {"query": "after", "status": "COMPLETED"}).status_code == 403
    assert staff.post(f"{path}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert model.objects.filter(pk=row.pk).exists()
    task.refresh_from_db()
    assert (task.query, task.status) == ("before", "QUEUED")


def test_tasks_are_cancelled_in_the_name_of_who_is_signed_in(staff: Client, caller: Caller) -> None:
    chosen, other = caller.submit(), caller.submit()
    data = {"action": "cancel", "_selected_action": [str(chosen.id)]}
    assert staff.post("/admin/orchestration/task/", data).status_code == 302
    chosen.refresh_from_db()
    other.refresh_from_db()
    assert (chosen.status, chosen.status_changed_by) == ("CANCELLED", "user:root")
    assert other.status == "QUEUED"


def test_schedules_are_paused_and_resumed_and_beat_follows(staff: Client, caller: Caller) -> None:
    spec = ScheduleSpec(name="Sums", cron_expression="0 9 * * *", query="What is 2 + 2?")
    chosen, other = (schedule_create(principal=caller.principal, spec=spec) for _ in range(2))
    path, selected = "/admin/orchestration/schedule/", {"_selected_action": [str(chosen.id)]}
    page = staff.post(path, {"action": "pause", **selected}, follow=True).content.decode()
    assert "1 schedules paused." in page
    chosen.refresh_from_db()
    other.refresh_from_db()
    assert (chosen.status, chosen.next_run_at, other.status) == ("PAUSED", None, "ACTIVE")
    assert PeriodicTask.objects.get(name=f"schedule {chosen.id}").enabled is False
    assert "1 schedules resumed." in staff.post(path, {"action": "resume", **selected}, follow=True).content.decode()
    chosen.refresh_from_db()
    assert chosen.status == "ACTIVE"
    assert chosen.next_run_at is not None
    assert PeriodicTask.objects.get(name=f"schedule {chosen.id}").enabled is True


def test_who_may_only_look_at_schedules_may_not_pause_them(caller: Caller) -> None:
    spec = ScheduleSpec(name="Sums", cron_expression="0 9 * * *", query="What is 2 + 2?")
    schedule = schedule_create(principal=caller.principal, spec=spec)
    user = User.objects.create_user("viewer", password="a-long-password-1", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_schedule"))
    client = Client()
    client.force_login(user)
    client.post("/admin/orchestration/schedule/", {"action": "pause", "_selected_action": [str(schedule.id)]})
    schedule.refresh_from_db()
    assert schedule.status == "ACTIVE"


def test_who_may_only_look_may_not_cancel(caller: Caller) -> None:
    task = caller.submit()
    user = User.objects.create_user("viewer", password="a-long-password-1", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_task"))
    client = Client()
    client.force_login(user)
    client.post("/admin/orchestration/task/", {"action": "cancel", "_selected_action": [str(task.id)]})
    task.refresh_from_db()
    assert task.status == "QUEUED"


def test_what_a_model_wrote_is_shown_as_text_and_cut_short(staff: Client, caller: Caller) -> None:
    task = caller.submit()
    hostile = "<img src=x onerror=alert(1)>"
    Step.objects.create(
        task=task,
        key="s1",
        position=0,
        kind="agent",
        title=hostile,
        status="succeeded",
        output={"text": hostile + "x" * 10**5},
    )
    page = staff.get(f"/admin/orchestration/step/{Step.objects.get().pk}/change/").content.decode()
    assert hostile not in page
    assert "characters more" in page
    assert page.count("x") < JSON_SHOWN_CHARACTERS * 3


def test_the_events_of_a_task_are_one_click_away(staff: Client, caller: Caller) -> None:
    task, other = caller.submit(), caller.submit()
    page = staff.get("/admin/orchestration/event/", {"task__id__exact": str(task.id)})
    assert page.status_code == 200
    assert str(task.id) in page.content.decode()
    assert str(other.id) not in page.content.decode()


def test_a_list_is_counted_to_a_bound(staff: Client, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_admin, "ROWS_COUNTED_MAX", 2)
    for _ in range(3):
        caller.submit()
    with CaptureQueriesContext(connection) as captured:
        page = staff.get("/admin/orchestration/task/")
    assert page.context["cl"].result_count == 2
    counted = [query["sql"] for query in captured if "COUNT(" in query["sql"] and "orchestration_task" in query["sql"]]
    assert counted
    assert all("LIMIT 2" in sql and "ORDER BY" not in sql for sql in counted)


def test_the_first_page_reads_recent_tasks_by_their_key(staff: Client, caller: Caller) -> None:
    caller.submit()
    with CaptureQueriesContext(connection) as captured:
        staff.get("/admin/")
    asked = [query["sql"] for query in captured if 'FROM "orchestration_task"' in query["sql"]]
    latest = [sql for sql in asked if "ORDER BY" in sql]
    assert latest
    assert all('ORDER BY "orchestration_task"."id" DESC' in sql for sql in latest)
    assert any('"orchestration_task"."id" >= ' in sql and "SUM(" in sql for sql in asked)


def test_a_longer_task_list_takes_no_more_queries(staff: Client, caller: Caller) -> None:
    counts = []
    for new in (1, 5):
        for _ in range(new):
            caller.submit()
        with CaptureQueriesContext(connection) as captured:
            staff.get("/admin/orchestration/task/")
        counts.append(len(captured))
    assert counts[0] == counts[1]
