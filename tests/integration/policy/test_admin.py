"""The admin: what may be edited, what is only shown, and that changes go through the services."""

import re
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from policy.models import ApiKey, AuditEntry, Budget, Policy, Tenant
from policy.services import budget_charge, principal_authenticate
from policy.types import Amount
from tests.integration.policy.accounts import open_budget

pytestmark = pytest.mark.django_db
NIGHT = 'package shannon.night\nimport rego.v1\ndeny contains "Not at night." if true\n'


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(get_user_model().objects.create_superuser("owner", "owner@example.org", "a long password"))
    return client


@pytest.mark.parametrize("model", ["tenant", "apikey", "policy", "budget", "reservation", "auditentry"])
def test_every_model_has_a_list_and_a_page(owner: Client, tenant: Tenant, model: str) -> None:
    ref = open_budget(tenant, tokens=10)
    budget_charge(tenant_id=tenant.id, step_id=uuid4(), position=0, budgets=[ref], amount=Amount(1))
    listed = owner.get(f"/admin/policy/{model}/")
    assert listed.status_code == 200
    pages = re.findall(rf"/admin/policy/{model}/[0-9a-f-]{{36}}/change/", listed.content.decode())
    assert owner.get(pages[0]).status_code == 200 if pages else model == "apikey"


def test_an_issued_key_is_shown_once_and_works(owner: Client, tenant: Tenant) -> None:
    answer = owner.post(
        "/admin/policy/apikey/add/",
        {"tenant": str(tenant.id), "name": "ci", "user_id": "ada", "scopes": ["tasks:read"], "roles": "analyst\n"},
        follow=True,
    )
    found = re.search(r"sk_[A-Za-z0-9_-]{43}", answer.content.decode())
    assert found is not None, answer.content.decode()[:2000]
    principal = principal_authenticate(api_key=found[0])
    assert (principal.scopes, principal.roles) == (frozenset({"tasks:read"}), frozenset({"analyst"}))
    row = ApiKey.objects.get()
    page = owner.get(f"/admin/policy/apikey/{row.pk}/change/").content.decode()
    assert row.prefix in page
    assert found[0] not in page
    assert row.key_hash not in page
    owner.post("/admin/policy/apikey/", {"action": "revoke", "_selected_action": [str(row.pk)]})
    assert ApiKey.objects.get().revoked_at is not None
    actions = AuditEntry.objects.filter(actor="user:owner").order_by("created_at").values_list("action", flat=True)
    assert list(actions) == ["key.issue", "key.revoke"]


def test_editing_a_policy_makes_a_new_version(owner: Client, tenant: Tenant) -> None:
    owner.post("/admin/policy/policy/add/", {"name": "night", "tenant": "", "rego": NIGHT, "note": "first"})
    first = Policy.objects.get(name="night")
    assert (first.version, first.is_active, first.created_by) == (1, True, "user:owner")
    edited = NIGHT.replace("night.", "all.")
    owner.post(f"/admin/policy/policy/{first.pk}/change/", {"rego": edited, "note": "second"})
    versions = Policy.objects.filter(name="night").order_by("version").values_list("version", "is_active", "rego")
    assert [(version, active) for version, active, _ in versions] == [(1, False), (2, True)]
    assert versions[0][2].strip() == NIGHT.strip()
    assert "all." in versions[1][2]
    owner.post("/admin/policy/policy/", {"action": "activate", "_selected_action": [str(first.pk)]})
    assert Policy.objects.get(name="night", is_active=True) == first


def test_a_policy_that_does_not_work_is_refused_with_the_compilers_words(owner: Client, tenant: Tenant) -> None:
    answer = owner.post("/admin/policy/policy/add/", {"name": "night", "tenant": "", "rego": NIGHT + "deny contains {"})
    assert answer.status_code == 200
    assert "unclosed" in answer.content.decode()
    assert not Policy.objects.filter(name="night").exists()


def test_limits_of_a_budget_may_be_edited_and_balances_not(owner: Client, tenant: Tenant) -> None:
    ref = open_budget(tenant, tokens=10)
    budget = Budget.objects.get(scope_id=ref.scope_id)
    owner.post(
        f"/admin/policy/budget/{budget.pk}/change/", {"limit_tokens": "99", "limit_usd": "1.5", "spent_tokens": "7"}
    )
    budget.refresh_from_db()
    assert (budget.limit_tokens, budget.limit_usd, budget.spent_tokens) == (99, Decimal("1.5"), 0)
    assert AuditEntry.objects.get(action="budget.limit").actor == "user:owner"


def test_a_tenant_made_in_the_admin_has_policies_and_a_budget(owner: Client) -> None:
    owner.post("/admin/policy/tenant/add/", {"name": "Acme", "slug": "acme", "weight": "3", "max_open_tasks": "50"})
    tenant = Tenant.objects.get()
    assert Budget.objects.get().scope_id == tenant.id
    assert Policy.objects.filter(is_active=True).count() == 3
    assert (tenant.weight, tenant.max_open_tasks, tenant.max_running_steps) == (3, 50, None)
    owner.post(
        f"/admin/policy/tenant/{tenant.pk}/change/", {"name": "Acme Ltd", "weight": "2", "max_running_steps": "9"}
    )
    tenant.refresh_from_db()
    assert (tenant.name, tenant.is_active) == ("Acme Ltd", False)
    assert (tenant.weight, tenant.max_open_tasks, tenant.max_running_steps) == (2, None, 9)
    assert AuditEntry.objects.filter(action="tenant.limits").count() == 2
    assert AuditEntry.objects.filter(action="tenant.switch").count() == 1


@pytest.mark.parametrize("model", ["ledgerentry", "reservation", "auditentry"])
def test_books_and_logs_cannot_be_added_to(owner: Client, model: str) -> None:
    assert owner.get(f"/admin/policy/{model}/add/").status_code == 403
