"""Signing in to the admin: limits on guesses, and the headers and cookies of its pages."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import Settings

from policy.services import rate_limits

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/login/?next=/admin/"
PASSWORD = "a long password"


@pytest.fixture(autouse=True)
def _counting() -> Iterator[None]:
    rate_limits._away.__init__()  # type: ignore[misc]
    yield
    rate_limits._away.__init__()  # type: ignore[misc]


@pytest.fixture
def name() -> str:
    """An account whose attempts no other test counts."""
    name = f"owner-{uuid4().hex}"
    get_user_model().objects.create_superuser(name, f"{name}@example.org", PASSWORD)
    return name


def somewhere() -> Client:
    """Return a client at an address whose attempts no other test counts."""
    parts = uuid4().hex[:16]
    return Client(REMOTE_ADDR="2001:db8:" + ":".join(parts[i : i + 4] for i in range(0, 16, 4)) + "::1")


def attempt(client: Client, name: str, password: str) -> str:
    """Return what the page says of an attempt; empty when it succeeded."""
    answer = client.post(ADDRESS, {"username": name, "password": password})
    if answer.status_code == 302:
        return ""
    errors: list[str] = answer.context["form"].non_field_errors()
    return errors[0]


def test_an_address_that_guesses_is_slowed_down_and_others_are_not(settings: Settings, name: str) -> None:
    settings.SHANNON_SIGN_IN_ADDRESS_PER_MINUTE = 1
    guesser, owner = somewhere(), somewhere()
    assert "correct" in attempt(guesser, f"{name}-not", "guess")
    assert attempt(guesser, name, PASSWORD).startswith("Too many attempts to sign in. Try again in ")
    assert attempt(owner, name, PASSWORD) == ""


def test_an_account_that_is_guessed_at_from_everywhere_is_closed_for_a_while(settings: Settings, name: str) -> None:
    settings.SHANNON_SIGN_IN_ACCOUNT_PER_MINUTE = 1
    assert "correct" in attempt(somewhere(), name.upper(), "guess")
    assert attempt(somewhere(), name, PASSWORD).startswith("Too many attempts")


def test_what_is_said_is_the_same_for_an_account_that_there_is_not(name: str) -> None:
    client = somewhere()
    assert attempt(client, name, "guess") == attempt(client, f"{name}-not", "guess")


def test_without_the_counter_the_owner_can_sign_in(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    settings.SHANNON_SIGN_IN_ADDRESS_PER_MINUTE = 1
    monkeypatch.setattr(rate_limits, "AWAY_SECONDS", 3600.0)
    rate_limits._away.note(OSError("away"))
    client = somewhere()
    assert ["correct" in attempt(client, name, "guess") for _ in range(2)] == [True, True]
    assert attempt(client, name, PASSWORD) == ""


def test_a_page_of_the_admin_loads_nothing_from_elsewhere_and_is_in_nobodys_frame() -> None:
    answer = somewhere().get("/admin/login/")
    assert answer.status_code == 200
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
