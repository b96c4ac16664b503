"""Things that a request makes once, however often it is repeated with its `Idempotency-Key`."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.utils.crypto import salted_hmac

from agents.types import Insert, inserted
from orchestration.idempotency import key_claim, made_before
from orchestration.models import IdempotencyRecord
from policy.types import Principal
from shannon_project.foundation.errors import NotFound

T = TypeVar("T")


class _MadeBefore(Exception):
    """An earlier request with this key has made it."""

    def __init__(self, resource_id: UUID) -> None:
        """Take what it made."""
        super().__init__(str(resource_id))
        self.resource_id = resource_id


def created_once(
    *,
    principal: Principal,
    endpoint: str,
    key: str | None,
    body: Mapping[str, Any],
    create: Callable[[Insert], T],
    find: Callable[[UUID], T],
) -> T:
    """Make something, or return what an earlier request with the same key and body made.

    A request that comes while the first one is still under way waits for it as soon as it would insert a row.

    Args:
        principal: Whose key it is.
        endpoint: A key counts for one of them.
        key: The `Idempotency-Key`; None: it is made in any case.
        body: What was asked. It may hold credentials, so that only its keyed digest is stored.
        create: Makes it, and inserts its row by what it is given.
        find: Returns what has this id; raises `NotFound` if it was deleted since, and then it is made again.

    Raises:
        IdempotencyMismatch: The key was used with another body.
    """
    if key is None:
        return create(inserted)
    text = json.dumps(body, sort_keys=True, default=str)
    digest = salted_hmac("orchestration.creating", text, algorithm="sha256").hexdigest()
    named = {"tenant_id": principal.tenant_id, "endpoint": endpoint, "key": key}
    try:
        if (record := IdempotencyRecord.objects.filter(**named).first()) is not None:
            raise _MadeBefore(made_before(record, digest, _resource))  # noqa: TRY301 - as the insert does
        return create(partial(_inserted_once, principal=principal, endpoint=endpoint, key=key, digest=digest))
    except _MadeBefore as before:
        try:
            return find(before.resource_id)
        except NotFound:
            IdempotencyRecord.objects.filter(**named, resource_id=before.resource_id).delete()
    return create(partial(_inserted_once, principal=principal, endpoint=endpoint, key=key, digest=digest))


def _inserted_once(insert: Callable[[], UUID], *, principal: Principal, endpoint: str, key: str, digest: str) -> None:
    with transaction.atomic():
        record, earlier = key_claim(principal=principal, endpoint=endpoint, key=key, digest=digest, made=_resource)
        if earlier is not None:
            raise _MadeBefore(earlier)
        IdempotencyRecord.objects.filter(id=record.id).update(resource_id=insert())


def _resource(record: IdempotencyRecord) -> UUID | None:
    return record.resource_id
