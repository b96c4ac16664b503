"""Decisions: by which policies, how soon, and that every failure is a denial."""

import threading
import time
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from prometheus_client import REGISTRY

from policy.errors import ApprovalRequired, PolicyDenied, PolicyInvalid
from policy.models import AuditEntry, Policy, PolicyGeneration, Tenant
from policy.services import (
    authorize,
    decide,
    policies_forget,
    policies_seed,
    policy_activate,
    policy_deactivate,
    policy_save,
    tenant_seed,
    tenant_switch,
)
from policy.types import Principal, Verdict
from shannon_project.foundation.ids import uuid7

pytestmark = pytest.mark.django_db
TOOL = {"name": "calculator", "known": True, "dangerous": False, "arguments": {"expression": "1+1"}}
NIGHT = 'package {package}\nimport rego.v1\nactions := {{"tool.call"}}\n{kind} contains "Not at night." if true\n'


def night(kind: str = "deny", package: str = "shannon.night") -> str:
    return NIGHT.format(kind=kind, package=package)


def call(principal: Principal, **changes: Any) -> Verdict:
    return decide(principal=principal, action="tool.call", resource=TOOL | changes).verdict


def test_the_default_policies_allow_ordinary_work(principal: Principal) -> None:
    decision = decide(principal=principal, action="task.submit", resource={"mode": "dag"})
    assert decision.is_allowed
    assert decision.policy_versions == {"task_submit": 1}
    assert authorize(principal=principal, action="tool.call", resource=TOOL).is_allowed
    assert not AuditEntry.objects.filter(outcome="denied").exists()


def test_a_denial_is_raised_and_recorded_with_its_rule(principal: Principal) -> None:
    with pytest.raises(PolicyDenied) as refused:
        authorize(principal=principal, action="tool.call", resource=TOOL | {"dangerous": True})
    assert (refused.value.code, refused.value.http_status) == ("POLICY_DENIED", 403)
    assert refused.value.details["rule"] == "tool_call.deny"
    assert refused.value.decision is not None
    entry = AuditEntry.objects.get(outcome="denied")
    assert (entry.tenant_id, entry.actor, entry.action, entry.rule) == (
        principal.tenant_id,
        "key:test",
        "tool.call",
        "tool_call.deny",
    )
    assert entry.reason == refused.value.details["reason"]
    assert entry.resource["name"] == "calculator"
    assert entry.resource["policy_versions"] == {"tool_call": 1}


def test_every_denial_is_recorded_also_those_answered_from_memory(principal: Principal) -> None:
    for _ in range(3):
        assert call(principal, dangerous=True) is Verdict.DENY
    assert AuditEntry.objects.filter(outcome="denied").count() == 3


def test_a_wish_for_approval_has_its_own_code(principal: Principal) -> None:
    policy_save(name="night", rego=night("require_approval"))
    policies_forget()
    with pytest.raises(ApprovalRequired) as refused:
        authorize(principal=principal, action="tool.call", resource=TOOL)
    assert refused.value.code == "APPROVAL_REQUIRED"
    assert AuditEntry.objects.filter(outcome="approval_required").count() == 1


def test_without_any_policy_everything_is_denied(principal: Principal) -> None:
    Policy.objects.all().delete()
    decision = decide(principal=principal, action="tool.call", resource=TOOL)
    assert (decision.verdict, decision.rule) == (Verdict.DENY, "default.no_policy")
    assert AuditEntry.objects.filter(rule="default.no_policy").count() == 1


@pytest.mark.parametrize(
    ("rego", "rule"),
    [
        ("package shannon.broken\nimport rego.v1\ndeny contains x if {", "default.invalid"),
        ('package shannon.broken\nimport rego.v1\nallow contains "a" if true\nallow := 3', "default.invalid"),
        ("package shannon.broken\nimport rego.v1\nallow contains opa.runtime().env.PATH if true", "default.invalid"),
        (
            'package shannon.broken\nimport rego.v1\nallow contains "a" if true; deny contains "b" if true',
            "broken.deny",
        ),
        (
            "package shannon.broken\nimport rego.v1\na := 1 if true\na := 2 if true\ndeny contains a if true",
            "default.failed",
        ),
        ('package shannon.broken\nimport rego.v1\ndeny := {"x"} if input.nothing', "default.invalid"),
    ],
    ids=["does not parse", "does not compile", "reaches out", "same line", "contradicts itself", "no set"],
)
def test_a_broken_policy_that_got_into_a_row_denies_everything(principal: Principal, rego: str, rule: str) -> None:
    Policy.objects.create(name="broken", version=1, rego=rego)
    for action in ("task.submit", "model.call", "tool.call"):
        decision = decide(principal=principal, action=action, resource=TOOL)
        assert (decision.verdict, decision.rule) == (Verdict.DENY, rule)
    assert AuditEntry.objects.filter(rule=rule).count() == 3


def test_a_limit_that_is_no_number_is_a_denial(principal: Principal) -> None:
    rego = 'package shannon.broken\nimport rego.v1\nobligations contains {"max_output_tokens": "many"} if true'
    Policy.objects.create(name="broken", version=1, rego=rego)
    decision = decide(principal=principal, action="tool.call", resource=TOOL)
    assert (decision.verdict, decision.rule) == (Verdict.DENY, "default.failed")
    assert "max_output_tokens must be a number" in decision.reason


@pytest.mark.parametrize("resource", [{"x": object()}, {"x": float("nan")}, {"x": "\x00" * 2_000_000}])
def test_what_cannot_be_asked_is_denied_and_recorded(principal: Principal, resource: dict[str, Any]) -> None:
    decision = decide(principal=principal, action="tool.call", resource=resource)
    assert (decision.verdict, decision.rule) == (Verdict.DENY, "default.failed")
    assert AuditEntry.objects.filter(rule="default.failed").count() == 1


def test_an_unknown_action_is_denied(principal: Principal) -> None:
    assert decide(principal=principal, action="tool.eat", resource={}).rule == "default.unknown_action"


def test_a_tenant_that_is_switched_off_or_unknown_is_denied(tenant: Tenant, principal: Principal) -> None:
    stranger = Principal(uuid4(), "key:x", "", frozenset({"admin"}))
    assert decide(principal=stranger, action="tool.call", resource=TOOL).rule == "tenant.unknown"
    assert AuditEntry.objects.get(rule="tenant.unknown").tenant_id is None
    tenant_switch(tenant=tenant, is_active=False)
    policies_forget()
    assert decide(principal=principal, action="tool.call", resource=TOOL).rule == "tenant.inactive"


def test_a_tenants_own_policy_holds_for_it_alone_and_cannot_lift_a_denial(tenant: Tenant, principal: Principal) -> None:
    other = tenant_seed(slug="other", name="Other")
    stranger = Principal(other.id, "key:x", "", principal.scopes)
    policy_save(name="night", rego=night("deny", "tenant.night"), tenant_id=tenant.id)
    policy_save(name="lenient", rego=night("allow", "tenant.lenient"), tenant_id=other.id)
    policies_forget()
    assert call(principal) is Verdict.DENY
    assert call(stranger) is Verdict.ALLOW
    assert call(stranger, dangerous=True) is Verdict.DENY


def test_a_source_that_does_not_work_is_refused_and_nothing_changes(tenant: Tenant) -> None:
    before = list(Policy.objects.values_list("pk", "is_active"))
    generation = PolicyGeneration.objects.get().generation
    with pytest.raises(PolicyInvalid, match="unclosed"):
        policy_save(name="night", rego=night() + "deny contains x if {")
    assert list(Policy.objects.values_list("pk", "is_active")) == before
    assert PolicyGeneration.objects.get().generation == generation


def test_an_edit_is_a_new_version_and_an_older_one_can_come_back(principal: Principal) -> None:
    first = policy_save(name="night", rego=night("deny"), note="First", saved_by="user:owner")
    second = policy_save(name="night", rego=night("allow"), saved_by="user:owner")
    assert (first.version, second.version) == (1, 2)
    assert list(Policy.objects.filter(name="night", is_active=True)) == [second]
    policies_forget()
    assert call(principal) is Verdict.ALLOW
    assert policy_activate(policy=first) is True
    assert policy_activate(policy=first) is False
    policies_forget()
    assert call(principal) is Verdict.DENY
    assert policy_deactivate(policy=first) is True
    policies_forget()
    assert call(principal) is Verdict.ALLOW
    changes = AuditEntry.objects.filter(rule="night").order_by("created_at", "id").values_list("action", flat=True)
    assert list(changes) == ["policy.save", "policy.save", "policy.activate", "policy.deactivate"]


def test_seeding_again_adds_nothing_and_keeps_what_a_person_edited(tenant: Tenant) -> None:
    assert policies_seed() == []
    rego = Policy.objects.get(name="tool_call").rego
    policy_save(name="tool_call", rego=rego.replace("set()", '{"python"}'), saved_by="user:owner")
    assert policies_seed() == []
    Policy.objects.filter(name="task_submit").update(rego="# as an earlier release shipped it")
    assert [(policy.name, policy.version) for policy in policies_seed()] == [("task_submit", 2)]


def test_deciding_takes_no_query_once_the_policies_are_loaded(principal: Principal, settings: LazySettings) -> None:
    settings.SHANNON_POLICY_RECHECK_SECONDS = 60.0
    call(principal)
    with CaptureQueriesContext(connection) as queries:
        for number in range(20):
            call(principal, arguments={"expression": f"{number}+1"})
    assert len(queries) == 0


def test_what_no_policy_looks_at_makes_no_other_question(principal: Principal, settings: LazySettings) -> None:
    settings.SHANNON_POLICY_RECHECK_SECONDS = 3600.0

    def evaluated() -> float:
        return REGISTRY.get_sample_value("shannon_policy_decision_seconds_count") or 0.0

    def ask(**resource: Any) -> Verdict:
        asked = {"model": "m", "prompt_tokens": 1} | resource
        return decide(principal=principal, action="model.call", resource=asked).verdict

    ask()
    before = evaluated()
    assert [ask(prompt_tokens=number) for number in range(50)] == [Verdict.ALLOW] * 50
    assert evaluated() == before
    assert ask(model="other") is Verdict.ALLOW
    assert evaluated() == before + 1
    assert ask(prompt_tokens=10**400) is Verdict.DENY, "what no policy could be asked is denied, looked at or not"
    assert ask(more={"deep": float("nan")}) is Verdict.DENY


def test_a_policy_that_looks_at_a_field_is_asked_about_each_of_its_values(principal: Principal) -> None:
    long = 'deny contains "Too long." if input.resource.prompt_tokens > 10'
    policy_save(name="short", rego=f'package shannon.short\nimport rego.v1\nactions := {{"model.call"}}\n{long}\n')
    policies_forget()

    verdicts = [
        decide(principal=principal, action="model.call", resource={"model": "m", "prompt_tokens": tokens}).verdict
        for tokens in (10, 11, 10)
    ]

    assert verdicts == [Verdict.ALLOW, Verdict.DENY, Verdict.ALLOW]


def test_the_check_for_changed_policies_is_one_query(principal: Principal, settings: LazySettings) -> None:
    settings.SHANNON_POLICY_RECHECK_SECONDS = 0.0
    call(principal)
    with CaptureQueriesContext(connection) as queries:
        call(principal)
    assert [query["sql"].count("policy_policygeneration") > 0 for query in queries] == [True] * len(queries)


@pytest.mark.django_db(transaction=True)
def test_an_edit_elsewhere_takes_effect_when_its_check_is_due(settings: LazySettings) -> None:
    assert settings.SHANNON_POLICY_RECHECK_SECONDS < 1.0
    tenant = tenant_seed(slug="acme", name="Acme")
    principal = Principal(tenant.id, "key:test", "ada", frozenset({"tools:execute"}))
    assert call(principal) is Verdict.ALLOW
    # As another process would: a row and a new generation, and nothing said to this process's cache.
    Policy.objects.create(name="night", version=1, rego=night())
    PolicyGeneration.objects.update(generation=uuid7())
    changed_at = time.monotonic()
    while call(principal) is Verdict.ALLOW:
        assert time.monotonic() - changed_at < 120.0, "the edit did not take effect"


@pytest.mark.django_db(transaction=True)
def test_a_denial_inside_a_transaction_is_refused_loudly_because_its_record_could_vanish() -> None:
    tenant = tenant_seed(slug="acme", name="Acme")
    principal = Principal(tenant.id, "key:test", "ada")
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        decide(principal=principal, action="tool.call", resource=TOOL)


@pytest.mark.django_db(transaction=True)
def test_eight_threads_decide_while_a_policy_changes() -> None:
    tenant = tenant_seed(slug="acme", name="Acme")
    principal = Principal(tenant.id, "key:test", "ada", frozenset({"tools:execute"}))
    policy_save(name="night", rego=night("allow"))
    errors: list[BaseException] = []
    verdicts: list[set[Verdict]] = [set() for _ in range(8)]
    stop = threading.Event()

    def work(number: int) -> None:
        try:
            count = 0
            while not stop.is_set() or count < 50:
                count += 1
                verdicts[number].add(call(principal, arguments={"n": count, "thread": number}))
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    policy_save(name="night", rego=night("deny"))
    deadline = time.monotonic() + 120
    while not all(Verdict.DENY in seen for seen in verdicts) and not errors and time.monotonic() < deadline:
        stop.wait(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert all(seen == {Verdict.ALLOW, Verdict.DENY} for seen in verdicts)
