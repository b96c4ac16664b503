"""The rows that a tenant registers: found within the tenant only, of a bounded number, each name once."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.db.models.functions import Now

from agents.models import TenantRow
from agents.types import Insert
from policy.services import registry_changed
from policy.types import Principal
from shannon_project.foundation.errors import Conflict, NotFound
from shannon_project.foundation.locks import advisory_lock_take

R = TypeVar("R", bound=TenantRow)
LOCK_CLASS: Final = 0x5245_504F  # "REPO"
_SHOWN_CHARACTERS: Final = 100


class TenantRepository(Generic[R]):
    """The rows of one kind; its model's only unique constraint is of the tenant and what names a row in it."""

    def __init__(
        self,
        model: type[R],
        *,
        kind: str,
        kinds: str,
        id_name: str,
        missing: type[NotFound],
        taken: type[Conflict],
        limit: Callable[[], int],
    ) -> None:
        """Say what they are.

        Args:
            model: Their model.
            kind: What one is called in a message: "MCP server".
            kinds: What several are called: "MCP servers".
            id_name: What its id is called in an error's details: "server_id".
            missing: Raised for a row that the tenant has not.
            taken: Raised for a name that it has, and for a row too many.
            limit: How many a tenant may have.
        """
        self._model = model
        self._kind, self._kinds = kind, kinds
        self._id_name = id_name
        self._missing = missing
        self._taken = taken
        self._limit = limit
        self._key = _key_of(model)

    def of(self, principal: Principal) -> "models.QuerySet[R]":
        """Return all that the tenant has, by name."""
        return self._of(principal.tenant_id).order_by(*self._key)

    def find(self, principal: Principal, **which: Any) -> R | None:
        """Return the tenant's row of this `id`, or of this `name`; None: it has none."""
        return self._of(principal.tenant_id).filter(**which).first()

    def get(self, principal: Principal, **which: Any) -> R:
        """Return the tenant's row of this `id`, or of this `name`.

        Raises:
            NotFound: As `missing`: the tenant has none (the caller's fault).
        """
        row = self.find(principal, **which)
        if row is None:
            raise self.absent(**which)
        return row

    def absent(self, **which: Any) -> NotFound:
        """Return the error for what the tenant has no row of."""
        if "id" in which:
            return self._missing(details={self._id_name: str(which["id"])})
        shown = "@".join(which.values())[:_SHOWN_CHARACTERS]
        return self._missing(f"The tenant has no {self._kind} {shown!r} of its own.", details={"name": shown})

    def room_take(self, tenant_id: UUID) -> None:
        """Refuse a row too many; until the end of the transaction that is open nobody else adds one.

        Raises:
            Conflict: As `taken`.
        """
        advisory_lock_take(LOCK_CLASS, f"{self._model._meta.db_table}:{tenant_id}")
        self.room_check(tenant_id)

    def room_check(self, tenant_id: UUID) -> None:
        """Refuse early what `add` would refuse: before anything is fetched or compiled for a row too many."""
        if self._of(tenant_id).count() >= self._limit():
            raise self._taken(f"A tenant has at most {self._limit()} {self._kinds} of its own; delete one.")

    def add(self, principal: Principal, row: R, *, insert: Insert) -> R:
        """Insert a row that is filled but for whose it is, and return it as it is stored.

        Raises:
            Conflict: As `taken`: the tenant has one of this name, or as many as it may have (the caller's fault).
        """
        row.tenant_id, row.created_by = principal.tenant_id, principal.actor[:128]

        def inserted_in_turn() -> UUID:
            with transaction.atomic():  # a constraint that forbids it does not spoil the caller's transaction
                self.room_take(principal.tenant_id)
                row.save(force_insert=True)
            return row.id

        try:
            insert(inserted_in_turn)
        except IntegrityError as error:
            raise self._taken(details={field: getattr(row, field) for field in self._key}) from error
        registry_changed(principal.tenant_id)
        return self.get(principal, id=row.id)

    def change(self, principal: Principal, values: Mapping[str, Any], **which: Any) -> None:
        """Set columns of the tenant's rows of this `id`, or of this `name`; the others stay as they are.

        Raises:
            NotFound: As `missing`: the tenant has none (the caller's fault), or it was deleted a moment ago.
        """
        if not self._of(principal.tenant_id).filter(**which).update(**values, updated_at=Now()):
            raise self.absent(**which)
        registry_changed(principal.tenant_id)

    def delete(self, principal: Principal, **which: Any) -> None:
        """Delete the tenant's rows of this `id`, or of this `name`.

        Raises:
            NotFound: As `missing`: the tenant has none (the caller's fault).
        """
        deleted, _ = self._of(principal.tenant_id).filter(**which).delete()
        if not deleted:
            raise self.absent(**which)
        registry_changed(principal.tenant_id)

    def _of(self, tenant_id: UUID) -> "models.QuerySet[R]":
        return self._model._default_manager.filter(tenant_id=tenant_id)


def _key_of(model: type[TenantRow]) -> tuple[str, ...]:
    """Return what names a row in its tenant, as the model's unique constraint says it."""
    (unique,) = [one for one in model._meta.constraints if isinstance(one, models.UniqueConstraint)]
    return tuple(field for field in unique.fields if field != "tenant")
