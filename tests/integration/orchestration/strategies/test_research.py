"""Research on real pages, served on this machine and searched and read through the guard for outgoing requests."""

import re
from collections import Counter
from typing import Any

import pytest

from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.models import Event, Step, Task
from orchestration.reviews import review_approve, review_feedback, review_state
from orchestration.services import task_submit
from orchestration.strategies.research import claims
from orchestration.types import TaskRequest, TaskStatus
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal
from tests.integration.orchestration.strategies.corpus import PAGES, Web, web

__all__ = ["principal", "web"]

pytestmark = pytest.mark.django_db(transaction=True)
QUESTION = "How do wild bees in the city fare?"


def research(principal: Principal, **request: Any) -> Task:
    return play(task_submit(principal=principal, request=TaskRequest(query=QUESTION, **request)).task.id)


def test_a_report_cites_pages_that_were_read_in_this_run_and_each_claim_is_checked(
    principal: Principal, web: Web
) -> None:
    task = research(principal, mode="research")
    assert task.status == TaskStatus.COMPLETED, task.error
    citations = task.result_metadata["citations"]
    assert [citation["number"] for citation in citations] == list(range(1, len(citations) + 1))
    marks = {int(mark) for mark in re.findall(r"\[(\d+)\](?!\()", (task.result or "").split("## Sources")[0])}
    assert marks == {citation["number"] for citation in citations}
    for citation in citations:
        page = Step.objects.get(task=task, key=citation["step_key"]).output or {}
        assert page["result"]["output"]["url"] == citation["url"]
    claims = task.result_metadata["claims"]
    assert {claim["verdict"] for claim in claims} == {"supported"}
    everything = " ".join(text for _, text in PAGES.values())
    assert all(claim["sentence"] in everything for claim in claims)
    assert "61 species" in (task.result or "")


def test_a_page_is_read_once_under_whatever_address_and_one_that_fails_is_no_source(
    principal: Principal, web: Web
) -> None:
    task = research(principal, research_strategy="deep", strategy_parameters={"depth": "deep"}, mode="research")
    assert task.status == TaskStatus.COMPLETED, task.error
    read = Counter(path.split("?")[0].rstrip("/") for path in web.asked if not path.startswith("/search"))
    assert max(read.values()) == 1
    assert "/broken" not in " ".join(citation["url"] for citation in task.result_metadata["citations"])
    steps = Step.objects.filter(task=task, kind="tool", key__startswith="fetch-")
    failed = {step.input["arguments"]["url"]: step.error or {} for step in steps.exclude(status="succeeded")}
    assert failed == {f"{web.base}/broken": failed[f"{web.base}/broken"]}
    assert failed[f"{web.base}/broken"]["message"] == f"{web.base}/broken answered 500."
    told = Event.objects.get(task=task, kind="ERROR_OCCURRED")
    assert "answered 500" in told.message


def test_every_page_is_fetched_in_this_run_although_the_tenant_was_given_it_a_moment_ago(
    principal: Principal, web: Web
) -> None:
    first = research(principal, research_strategy="quick")
    pages = [path for path in web.asked if not path.startswith("/search")]
    assert pages
    again = research(principal, research_strategy="quick")
    assert [path for path in web.asked if not path.startswith("/search")] == [*pages, *pages]
    assert first.status == again.status == TaskStatus.COMPLETED
    told = Event.objects.filter(task=again, kind="TOOL_OBSERVATION", payload__cached=True)
    assert {event.payload["tool"] for event in told} <= {"web_search"}


def test_a_report_of_many_claims_is_checked_by_several_calls(
    principal: Principal, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "BATCH_CLAIMS", 1)
    task = research(principal, mode="research")
    steps = Step.objects.filter(task=task, key__startswith="verify-")
    checked = [claim for claim in task.result_metadata["claims"] if claim["is_checked"]]
    assert len(checked) == len(task.result_metadata["claims"]) == steps.count() > 1


def test_what_was_not_found_is_searched_for_again_until_the_rounds_are_over(principal: Principal, web: Web) -> None:
    task = research(principal, mode="research", strategy_parameters={"rounds": 3, "dimensions": 4, "pages": 1})
    keys = list(Step.objects.filter(task=task).order_by("position").values_list("key", flat=True))
    assert "coverage-1" in keys
    assert any(key.startswith("search-2-") for key in keys)
    assert "coverage-3" not in keys


def test_a_quick_one_is_shorter_and_asks_nobody_to_check(principal: Principal, web: Web) -> None:
    task = research(principal, research_strategy="quick", context={"enable_citations": False})
    keys = set(Step.objects.filter(task=task).values_list("key", flat=True))
    assert task.strategy == "research"
    assert not [key for key in keys if key.startswith(("verify", "coverage"))]
    assert not re.search(r"\[\d+\]", task.result or "")


def test_without_a_search_engine_it_says_what_is_missing(principal: Principal, settings: Any) -> None:
    settings.SHANNON_SEARXNG_URL = ""
    task = research(principal, context={"force_research": "true"})
    assert task.status == TaskStatus.FAILED
    assert task.error
    assert "No search engine is configured" in task.error["message"]
    searches = Step.objects.filter(task=task, key__startswith="search-")
    assert {step.status for step in searches} == {"failed"}


def test_a_person_reviews_the_plan_and_only_what_was_approved_is_searched(principal: Principal, web: Web) -> None:
    request = TaskRequest(query=QUESTION, mode="research", context={"require_review": True})
    task_id = task_submit(principal=principal, request=request).task.id

    def work() -> None:
        for _ in range(3):
            task_advance(task_id)
            drain(task_id, first=None)

    work()
    state = review_state(principal=principal, task_id=task_id)
    assert (state.status, state.round) == ("reviewing", 1)
    assert "overview" in (state.current_plan or "")
    assert "search:" in (state.current_plan or "")
    assert web.asked == []
    review_feedback(principal=principal, task_id=task_id, message="honey bees compete with wild bees", version=1)
    work()
    state = review_state(principal=principal, task_id=task_id)
    assert (state.status, state.round, len((state.plan or {})["dimensions"])) == ("reviewing", 2, 3)
    assert "honey bees compete" in (state.current_plan or "")
    assert web.asked == []
    review_approve(principal=principal, task_id=task_id)
    task = play(task_id)
    assert task.status == TaskStatus.COMPLETED, task.error
    assert any("honey" in path for path in web.asked if path.startswith("/search"))
    assert "compete with wild bees" in (task.result or "")
    keys = list(Step.objects.filter(task=task).order_by("position").values_list("key", flat=True))
    assert keys[:4] == ["research-plan", "review-1", "research-plan@2", "review-2"]
    told = Event.objects.filter(task=task, kind__startswith="RESEARCH_PLAN").order_by("seq")
    assert [event.kind for event in told] == ["RESEARCH_PLAN_READY", "RESEARCH_PLAN_UPDATED", "RESEARCH_PLAN_APPROVED"]


def test_each_depth_has_its_tiers_and_its_least_budget(principal: Principal, web: Web) -> None:
    quick = research(principal, research_strategy="quick")
    assert Step.objects.get(task=quick, key="report").input["default_tier"] == "medium"
    careful = task_submit(principal=principal, request=TaskRequest(query=QUESTION, research_strategy="academic")).task
    task_advance(careful.id)
    assert Step.objects.get(task=careful, key="research-plan").input["default_tier"] == "medium"
    context = {"budget_max": 50_000}
    less = TaskRequest(query=QUESTION, research_strategy="academic", context=context)
    task = task_submit(principal=principal, request=less).task
    assert (task.strategy, task.parameters["strategy"]["depth"]) == ("research", "standard")
    told = Event.objects.filter(task=task, kind="BUDGET_THRESHOLD").order_by("seq")
    assert [event.payload["parameters"]["depth"] for event in told] == ["deep", "standard"]
