"""Registering tools made of programs; every change is the tenant's."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from agents.errors import OwnToolExists, OwnToolInvalid, ToolNotFound
from agents.models import OwnToolRow
from agents.tenant_rows.repository import TenantRepository
from agents.tools.own.tool import PREFIX
from agents.tools.validation import schema_problem
from agents.types import Insert, inserted
from policy.types import Principal
from sandbox.errors import ModuleNotFound
from sandbox.selectors import module_for

NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_NAME_MAX_CHARACTERS: Final = 40
_SCHEMA_MAX_CHARACTERS: Final = 32_000
_MEMORY_MIN_BYTES: Final = 1024 * 1024
GUESTS: Final = ("javascript", "module", "python")


@dataclass(frozen=True, slots=True)
class OwnToolChanges:
    """What is to be set; None: as it was, or the default. A limit of 0: none of its own."""

    description: str | None = None
    guest: str | None = None
    module: str | None = None
    code: str | None = None
    parameters: Mapping[str, Any] | None = None
    returns: Mapping[str, Any] | None = None
    uses_files: bool | None = None
    dangerous: bool | None = None
    requires_approval: bool | None = None
    calls_per_minute: int | None = None
    wall_seconds: float | None = None
    memory_bytes: int | None = None
    is_active: bool | None = None


def own_tool_row(*, principal: Principal, name: str) -> OwnToolRow:
    """Return one of the tenant's own tools by the name that agents call it.

    Raises:
        ToolNotFound: It has none of this name (the caller's fault).
    """
    row = ROWS.find(principal, name=name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None
    if row is None:
        raise ROWS.absent(name=name)
    return row


def own_tool_row_of(*, principal: Principal, tool_id: UUID) -> OwnToolRow:
    """Return the tenant's own tool of this id.

    Raises:
        ToolNotFound: It has none of this id.
    """
    return ROWS.get(principal, id=tool_id)


def own_tool_create(
    *, principal: Principal, name: str, changes: OwnToolChanges, insert: Insert = inserted
) -> OwnToolRow:
    """Register a tool.

    Raises:
        OwnToolInvalid: Its name, schema or program is not as it must be (the caller's fault).
        OwnToolExists: The tenant has one of this name, or as many as it may have.
    """
    if not NAME.fullmatch(name) or len(name) > _NAME_MAX_CHARACTERS:
        raise OwnToolInvalid("A tool's name is up to 40 letters a-z, digits and single _, a letter first.")
    row = OwnToolRow(
        tenant_id=principal.tenant_id,
        name=name,
        parameters={"type": "object"},
        wall_seconds=settings.SHANNON_SANDBOX_WALL_SECONDS,
    )
    _set(row, _values(changes))
    own_tool_check(row)
    return ROWS.add(principal, row, insert=insert)


def own_tool_change(*, principal: Principal, name: str, changes: OwnToolChanges) -> OwnToolRow:
    """Change a tool; a call that has begun ends as it began.

    Raises:
        ToolNotFound: The tenant has none of this name (the caller's fault).
        OwnToolInvalid: What comes out is not as it must be (the caller's fault); nothing is changed.
    """
    row, values = own_tool_row(principal=principal, name=name), _values(changes)
    _set(row, values)
    own_tool_check(row)
    ROWS.change(principal, values, id=row.id)
    return ROWS.get(principal, id=row.id)


def own_tool_delete(*, principal: Principal, name: str) -> None:
    """Delete a tool; the module that it ran stays.

    Raises:
        ToolNotFound: The tenant has none of this name (the caller's fault).
    """
    ROWS.delete(principal, id=own_tool_row(principal=principal, name=name).id)


def own_tool_check(row: OwnToolRow) -> None:
    """Refuse what cannot be run.

    Raises:
        OwnToolInvalid: The message says what it is.
    """
    if not row.description.strip():
        raise OwnToolInvalid("`description` says what the tool does; models choose by it.")
    _program_check(row)
    for field, schema in (("parameters", row.parameters), ("returns", row.returns)):
        _schema_check(field, schema)
    if row.parameters.get("type") != "object":
        raise OwnToolInvalid('`parameters` must be the schema of an object: {"type": "object", …}.')
    most_seconds, most_bytes = settings.SHANNON_SANDBOX_WALL_SECONDS, settings.SHANNON_SANDBOX_MEMORY_BYTES
    if not 0 < row.wall_seconds <= most_seconds:
        raise OwnToolInvalid(f"`wall_seconds` must be above 0 and at most {most_seconds:g}.")
    if row.memory_bytes is not None and not _MEMORY_MIN_BYTES <= row.memory_bytes <= most_bytes:
        raise OwnToolInvalid(f"`memory_bytes` must be {_MEMORY_MIN_BYTES} to {most_bytes}.")


def _program_check(row: OwnToolRow) -> None:
    if row.guest not in GUESTS:
        raise OwnToolInvalid(f"`guest` must be one of {', '.join(GUESTS)}.")
    given, absent = ("module", "code") if row.guest == "module" else ("code", "module")
    if not getattr(row, given).strip() or getattr(row, absent):
        raise OwnToolInvalid(f"A tool of the guest {row.guest} has `{given}` and no `{absent}`.")
    if len(row.code.encode(errors="surrogatepass")) > settings.SHANNON_SANDBOX_CODE_MAX_BYTES:
        raise OwnToolInvalid(f"`code` has more than {settings.SHANNON_SANDBOX_CODE_MAX_BYTES} bytes.")
    if row.guest == "module":
        try:
            module_for(tenant_id=row.tenant_id, name=row.module)
        except ModuleNotFound as error:
            raise OwnToolInvalid(f"The tenant has no module {row.module[:80]!r}: upload it first.") from error


def _schema_check(field: str, schema: Any) -> None:
    if not isinstance(schema, dict) or len(json.dumps(schema)) > _SCHEMA_MAX_CHARACTERS:
        raise OwnToolInvalid(f"`{field}` must be a JSON schema of at most {_SCHEMA_MAX_CHARACTERS} characters.")
    if problem := schema_problem(schema):
        raise OwnToolInvalid(f"`{field}` is no JSON schema: {problem}.")


def _values(changes: OwnToolChanges) -> dict[str, Any]:
    values = {name: value for name, value in asdict(changes).items() if value is not None}
    for name in ("calls_per_minute", "memory_bytes"):
        if name in values:
            values[name] = values[name] or None
    return values


def _set(row: OwnToolRow, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)


ROWS: Final = TenantRepository(
    OwnToolRow,
    kind="tool",
    kinds="tools",
    id_name="tool_id",
    missing=ToolNotFound,
    taken=OwnToolExists,
    limit=lambda: settings.SHANNON_OWN_TOOLS_MAX,
)
