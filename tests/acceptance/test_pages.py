"""What a person sees, in a real browser: start page, documents, admin, a live run, Flower."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from shannon import ShannonClient

from tests.acceptance.conftest import Stack

pytestmark = pytest.mark.acceptance

PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """Headless Chromium of the system; a missing browser fails the run."""
    options = webdriver.ChromeOptions()
    for flag in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1400,1000",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def task_id(stack: Stack) -> str:
    """A finished task."""
    return finished_task(stack)


def finished_task(stack: Stack) -> str:
    """Have a task worked on to its end, and return its id."""
    with ShannonClient(base_url=stack.base_url, api_key=stack.api_key) as client:
        handle = client.submit_task(f"What is 12 * 12? ({uuid4().hex[:6]})")
        client.wait(handle.task_id, timeout=60, poll_interval=0.05)
        return str(handle.task_id)


@pytest.fixture(scope="module")
def signed_in(browser: webdriver.Chrome, stack: Stack) -> webdriver.Chrome:
    """The browser, signed in to the admin with the login that the stack tells."""
    browser.get(stack.admin_url)
    browser.find_element(By.NAME, "username").send_keys(stack.admin_user)
    browser.find_element(By.NAME, "password").send_keys(stack.admin_password)
    browser.find_element(By.CSS_SELECTOR, "button[type=submit], input[type=submit]").click()
    sees(browser, "Tasks")
    return browser


def sees(browser: webdriver.Chrome, text: str) -> None:
    """Wait until the page shows the text; say what it shows if it never does."""
    try:
        WebDriverWait(browser, PATIENCE_SECONDS).until(lambda driver: text in shown_on(driver))
    except TimeoutException:
        raise AssertionError(f"{text!r} is not on {browser.current_url}: {shown_on(browser)[:2_000]}") from None


def shown_on(browser: webdriver.Chrome) -> str:
    """Return the text of the page as a person sees it."""
    return browser.find_element(By.TAG_NAME, "body").text


def errors_of(browser: webdriver.Chrome) -> list[str]:
    """Return what the page's scripts complained about since the last call."""
    entries = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]


def test_the_start_page_links_to_everything(browser: webdriver.Chrome, stack: Stack) -> None:
    browser.get(f"{stack.base_url}/")
    links = {link.get_attribute("href") for link in browser.find_elements(By.TAG_NAME, "a")}
    for part in ("/admin/", "/docs", "/openapi.json", "/metrics"):
        assert any(link and link.split("?")[0].endswith(part) for link in links), part
    assert stack.flower_url in links
    assert errors_of(browser) == []


def test_the_api_document_is_drawn_without_the_network(browser: webdriver.Chrome, stack: Stack) -> None:
    browser.get(f"{stack.base_url}/docs")
    sees(browser, "/api/v1/tasks")
    assert errors_of(browser) == []


def test_the_admin_shows_the_task_and_does_not_let_it_be_edited(
    signed_in: webdriver.Chrome, stack: Stack, task_id: str
) -> None:
    signed_in.get(f"{stack.admin_url}orchestration/task/{task_id}/change/")
    sees(signed_in, "COMPLETED")
    sees(signed_in, "What is 12 * 12?")
    assert not signed_in.find_elements(By.CSS_SELECTOR, "textarea[name=query], input[name=query]")


@pytest.mark.parametrize(
    "page",
    [
        "policy/tenant/",
        "policy/apikey/",
        "policy/policy/",
        "policy/budget/",
        "policy/reservation/",
        "policy/auditentry/",
        "agents/session/",
        "agents/message/",
        "agents/memory/",
        "agents/journalentry/",
        "orchestration/task/",
        "orchestration/step/",
        "orchestration/event/",
    ],
)
def test_every_list_of_the_admin_opens(signed_in: webdriver.Chrome, stack: Stack, task_id: str, page: str) -> None:
    signed_in.get(f"{stack.admin_url}{page}")
    assert "Server Error" not in signed_in.page_source
    assert signed_in.find_elements(By.CSS_SELECTOR, "#changelist, #result_list, table"), page


def test_a_run_is_shown_step_by_step(signed_in: webdriver.Chrome, stack: Stack, task_id: str) -> None:
    signed_in.get(f"{stack.base_url}/console/tasks/{task_id}")
    sees(signed_in, "144")
    assert errors_of(signed_in) == []


def test_a_team_shows_its_tasks_and_who_told_whom_what(signed_in: webdriver.Chrome, stack: Stack) -> None:
    query = "Work out 6 * 7, and then add 8 to the result"
    body = {"query": query, "mode": "swarm"}
    answer = httpx.post(f"{stack.base_url}/api/v1/tasks", json=body, headers={"X-API-Key": stack.api_key}, timeout=30)
    task_id = answer.json()["task_id"]
    signed_in.get(f"{stack.base_url}/console/tasks/{task_id}")  # while it runs
    sees(signed_in, "Events complete")
    tasks = signed_in.find_element(By.ID, "tasklist").text
    assert [row.split()[-1] for row in tasks.splitlines()] == ["done", "done"]
    story = signed_in.find_element(By.ID, "story").text
    for part in ("swarm: the request names it", "ada joins as analyst", "ada → ben"):
        assert part in story
    assert errors_of(signed_in) == []


def test_an_answer_is_judged_on_its_page(signed_in: webdriver.Chrome, stack: Stack, task_id: str) -> None:
    signed_in.get(f"{stack.base_url}/console/tasks/{task_id}")
    sees(signed_in, "nobody has said anything yet")
    signed_in.find_element(By.ID, "judge-comment").send_keys("<i>too</i> short")
    signed_in.find_element(By.CSS_SELECTOR, "#judge button.bad").click()
    sees(signed_in, "0.00 of 1 by 1")
    sees(signed_in, "<i>too</i> short")
    assert errors_of(signed_in) == []
    signed_in.find_element(By.ID, "judge-score").send_keys("0.2")
    signed_in.find_element(By.CSS_SELECTOR, "#judge button.good").click()
    sees(signed_in, "score: must be from 0.5 to 1 for a good answer")
    assert any("400" in message for message in errors_of(signed_in))


# Runs before the page's own scripts: the first look at the run's state is answered only when `release` is called, with
# what was true when it was asked. What the page does with that has been done when `isDone` is true.
LATE = """
(() => {
  const real = window.fetch;
  let isFirst = true;
  window.fetch = async (address, options) => {
    if (!isFirst || !String(address).endsWith("/state")) return real(address, options);
    isFirst = false;
    const response = await real(address, options);
    const state = await response.json();
    response.json = async () => state;
    window.isAsked = true;
    await new Promise((resolve) => { window.release = resolve; });
    setTimeout(() => { window.isDone = true; }, 0);
    return response;
  };
})();
"""


def test_a_state_that_was_overtaken_is_not_shown(signed_in: webdriver.Chrome, stack: Stack) -> None:
    script = signed_in.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": LATE})
    try:
        signed_in.get(f"{stack.base_url}/console/tasks/{finished_task(stack)}")
    finally:
        signed_in.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    sees(signed_in, "nobody has said anything yet")  # by a later look
    signed_in.find_element(By.CSS_SELECTOR, "#judge button.good").click()
    sees(signed_in, "1.00 of 1 by 1")
    wait = WebDriverWait(signed_in, PATIENCE_SECONDS)
    wait.until(lambda driver: driver.execute_script("return window.isAsked && Boolean(window.release)"))
    signed_in.execute_script("window.release()")
    wait.until(lambda driver: driver.execute_script("return window.isDone"))
    assert "1.00 of 1 by 1" in signed_in.find_element(By.ID, "judge").text


def test_every_strategy_is_shown_with_its_parameters(signed_in: webdriver.Chrome, stack: Stack) -> None:
    signed_in.get(f"{stack.base_url}/console/strategies")
    sees(signed_in, "max_thoughts")
    assert errors_of(signed_in) == []


def test_flower_shows_the_jobs(browser: webdriver.Chrome, stack: Stack) -> None:
    def shows_them(driver: webdriver.Chrome) -> bool:
        finished_task(stack)  # Flower hears only of jobs that come after it has joined the broker
        driver.get(f"{stack.flower_url}tasks")
        sees(driver, "Showing ")
        text = shown_on(driver)
        return "orchestration.jobs.run_steps" in text and "orchestration.jobs.advance" in text

    WebDriverWait(browser, PATIENCE_SECONDS).until(shows_them, "Flower shows no jobs")
