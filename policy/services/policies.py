"""Policies as rows: every edit is a new version, checked before it is stored, and in force within a second."""

from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Q, QuerySet

from policy.evaluation.check import policies_check
from policy.evaluation.source import PolicySource
from policy.models import Policy, PolicyGeneration
from policy.services.audit import audit_record
from policy.types import AuditOutcome
from shannon_project.foundation.ids import uuid7
from shannon_project.foundation.locks import advisory_lock_take

REGO_DIR = Path(__file__).resolve().parent.parent / "rego"
_SHIPPED_BY = "system"
_LOCK_CLASS = 0x5347_504F  # of advisory locks: edits of policies take turns


def policy_check(*, name: str, rego: str, tenant_id: UUID | None = None) -> None:
    """Compile a source together with the other active policies and ask it once, in a child process (some 0.2 s).

    Raises:
        PolicyInvalid: The writer's fault; the message is the compiler's.
    """
    source = PolicySource(name, 0, rego, tenant_id is not None)
    others = [other for other in sources_for(tenant_id) if other.label != source.label]
    policies_check([*others, source])


def policy_save(
    *, name: str, rego: str, tenant_id: UUID | None = None, note: str = "", saved_by: str = "system"
) -> Policy:
    """Store a source as the new and active version of a policy.

    It passes `policy_check` first.

    Args:
        name: Lower-case letters, digits and `_`; the package is `shannon.<name>`, or `tenant.<name>` with a tenant.
        rego: The source, at most 64 kB.
        tenant_id: Whose policy it is; None for everyone's.
        note: Why it was changed.
        saved_by: `user:<name>` of who saved it.

    Raises:
        PolicyInvalid: The writer's fault; the message is the compiler's. Nothing was stored.
    """
    policy_check(name=name, rego=rego, tenant_id=tenant_id)
    with transaction.atomic():
        _take_turns()
        return _version_add(name=name, rego=rego, tenant_id=tenant_id, note=note, saved_by=saved_by)


def policy_activate(*, policy: Policy, activated_by: str = "system") -> bool:
    """Make an older version the active one again. Returns False when it is active already.

    Raises:
        PolicyInvalid: It does not compile together with today's other policies.
    """
    policy_check(name=policy.name, rego=policy.rego, tenant_id=policy.tenant_id)
    with transaction.atomic():
        _take_turns()
        if Policy.objects.filter(pk=policy.pk, is_active=True).exists():
            return False
        _versions_of(policy.name, policy.tenant_id).filter(is_active=True).update(is_active=False)
        Policy.objects.filter(pk=policy.pk).update(is_active=True)
        _changed(policy, "policy.activate", activated_by)
    return True


def policy_deactivate(*, policy: Policy, deactivated_by: str = "system") -> bool:
    """Switch a policy off. Returns False when it was not active. Without any policy, everything is denied."""
    with transaction.atomic():
        _take_turns()
        if not Policy.objects.filter(pk=policy.pk, is_active=True).update(is_active=False):
            return False
        _changed(policy, "policy.deactivate", deactivated_by)
    return True


def policies_seed() -> list[Policy]:
    """Store the shipped policies (`policy/rego/*.rego`) that are missing, and new versions of those that changed here.

    A policy that a person has edited or switched off is left alone. Returns what was stored.
    """
    stored = []
    for path in sorted(REGO_DIR.glob("*.rego")):
        with transaction.atomic():
            _take_turns()
            newest = _versions_of(path.stem, None).order_by("-version").first()
            rego = path.read_text(encoding="utf-8")
            if newest is None or (newest.created_by == _SHIPPED_BY and newest.is_active and newest.rego != rego):
                stored.append(
                    _version_add(
                        name=path.stem,
                        rego=rego,
                        tenant_id=None,
                        note="Shipped with the platform",
                        saved_by=_SHIPPED_BY,
                    )
                )
    return stored


def sources_for(tenant_id: UUID | None) -> list[PolicySource]:
    """Return the active policies that hold for a tenant: everyone's and its own. One query."""
    rows = Policy.objects.filter(Q(tenant=None) | Q(tenant=tenant_id), is_active=True)
    return [
        PolicySource(name, version, rego, owner is not None)
        for name, version, rego, owner in rows.values_list("name", "version", "rego", "tenant_id")
    ]


def generation_advance() -> None:
    """Let every process load the policies again: within a second of the commit."""
    PolicyGeneration.objects.update_or_create(id=1, defaults={"generation": uuid7()})


def _version_add(*, name: str, rego: str, tenant_id: UUID | None, note: str, saved_by: str) -> Policy:
    versions = _versions_of(name, tenant_id)
    last = versions.aggregate(last=Max("version"))["last"] or 0
    versions.filter(is_active=True).update(is_active=False)
    policy = Policy.objects.create(
        tenant_id=tenant_id, name=name, version=last + 1, rego=rego, note=note[:200], created_by=saved_by[:128]
    )
    _changed(policy, "policy.save", saved_by)
    return policy


def _versions_of(name: str, tenant_id: UUID | None) -> QuerySet[Policy]:
    return Policy.objects.filter(Q(name=name, tenant_id=tenant_id))


def _changed(policy: Policy, action: str, actor: str) -> None:
    generation_advance()
    audit_record(
        tenant_id=policy.tenant_id,
        actor=actor,
        action=action,
        outcome=AuditOutcome.CHANGED,
        rule=policy.name,
        reason=policy.note,
        resource={"policy_id": str(policy.pk), "version": policy.version},
    )


def _take_turns() -> None:
    advisory_lock_take(_LOCK_CLASS, "policies")
