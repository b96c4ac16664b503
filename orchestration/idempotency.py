"""What a creating request with an `Idempotency-Key` has made before."""

import hashlib
import json
from collections.abc import Callable
from typing import TypeVar

from orchestration.errors import IdempotencyMismatch
from orchestration.models import IdempotencyRecord
from policy.types import Principal

T = TypeVar("T")


def request_digest(asked: object) -> str:
    """Return the SHA-256 of what was asked, which may hold no credentials; by it the same request is known again."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def key_claim(
    *, principal: Principal, endpoint: str, key: str, digest: str, made: Callable[[IdempotencyRecord], T | None]
) -> tuple[IdempotencyRecord, T | None]:
    """Return a key's record, and what an earlier request with it made; None: this one is the first.

    The caller's transaction is open, and writes into the record what it makes. A request that comes while the first one
    is under way waits here for that one's commit.

    Args:
        principal: Whose key it is.
        endpoint: A key counts for one of them.
        key: The `Idempotency-Key`.
        digest: Of the request, so that another one with the same key is found out.
        made: Reads from the record what was made.

    Raises:
        IdempotencyMismatch: The key was used with another request (the caller's fault).
    """
    record, is_first = IdempotencyRecord.objects.get_or_create(
        tenant_id=principal.tenant_id, endpoint=endpoint, key=key, defaults={"request_digest": digest}
    )
    return record, None if is_first else made_before(record, digest, made)


def made_before(record: IdempotencyRecord, digest: str, made: Callable[[IdempotencyRecord], T | None]) -> T:
    """Return what the request of a record has made.

    Raises:
        IdempotencyMismatch: It was another request.
    """
    earlier = made(record)
    if record.request_digest != digest or earlier is None:
        raise IdempotencyMismatch(details={"idempotency_key": record.key})
    return earlier
