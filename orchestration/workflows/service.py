"""Saving, finding and preparing templates. Callers pass a principal: they see the platform's and their tenant's own."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Q, QuerySet

from agents.selectors import builtin_tool_infos, problems_of, role_names, tool_infos
from agents.services import model_override_check
from orchestration.errors import TemplateInvalid, TemplateLimitReached, TemplateNotFound
from orchestration.models import WorkflowTemplate
from orchestration.strategies.workflow import Workflow
from orchestration.workflows.inheritance import complete, inherited
from orchestration.workflows.source import Source, source_parse, workflow_check
from policy.types import Principal
from shannon_project.foundation.errors import InvalidInput
from shannon_project.foundation.locks import advisory_lock_take

MAX_ANCESTORS: Final = 5
LOCK_CLASS: Final = 0x5445_4D50  # "TEMP"


def template_save(*, tenant_id: UUID | None, text: str, origin: str, file: str = "") -> tuple[WorkflowTemplate, bool]:
    """Save a template as the next version of its name, unless the latest one is the same.

    Args:
        tenant_id: Whose it is; None: the platform's.
        text: YAML.
        origin: A file's name, or who saves it.
        file: What problems call the text; default: its origin.

    A tenant has at most `SHANNON_TEMPLATES_MAX` names, and `SHANNON_TEMPLATE_VERSIONS_MAX` versions of each: with more
    the oldest go, which changes nothing for tasks, since each has a copy.

    Returns:
        The version, and whether it is new.

    Raises:
        TemplateInvalid: Names file, line and what is wrong (the caller's fault).
        TemplateLimitReached: The tenant has as many names as it may have (the caller's fault).
    """
    workflow, _ = template_check(tenant_id=tenant_id, text=text, file=file or origin)
    stored = workflow.model_dump(mode="json", by_alias=True, exclude_unset=True)
    digest = hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()
    with transaction.atomic():
        advisory_lock_take(LOCK_CLASS, str(tenant_id))  # in turn, also of a new name, so that none passes the limit
        owner = Q(tenant_id=tenant_id) if tenant_id else Q(tenant_id__isnull=True)
        owned = WorkflowTemplate.objects.filter(owner)
        latest = owned.filter(name=workflow.name).order_by("-version").first()
        if latest is not None and latest.digest == digest:
            return latest, False
        version = 1 if latest is None else latest.version + 1
        if tenant_id is not None:
            _room_make(owned, workflow.name, version)
        row = WorkflowTemplate.objects.create(
            tenant_id=tenant_id,
            name=workflow.name,
            version=version,
            digest=digest,
            source=text,
            workflow=stored,
            origin=origin[:200],
        )
    return row, True


def _room_make(owned: "QuerySet[WorkflowTemplate]", name: str, version: int) -> None:
    """Refuse a name too many; of a name that there is, delete the versions that are too old."""
    if version > 1:
        owned.filter(name=name, version__lte=version - settings.SHANNON_TEMPLATE_VERSIONS_MAX).delete()
        return
    limit = settings.SHANNON_TEMPLATES_MAX
    if owned.values("name").distinct().count() >= limit:
        raise TemplateLimitReached(f"The tenant has {limit} templates, which is the limit; delete one.")


def template_delete(*, principal: Principal, name: str) -> None:
    """Delete a tenant's own template with all its versions; tasks and templates that were made from it stay.

    Raises:
        TemplateNotFound: The tenant has none of this name; the platform's cannot be deleted.
    """
    count, _ = WorkflowTemplate.objects.filter(tenant_id=principal.tenant_id, name=name).delete()
    if not count:
        raise TemplateNotFound(details={"name": name[:64]})


def template_check(*, tenant_id: UUID | None, text: str, file: str) -> tuple[Workflow, Source]:
    """Return the workflow that a template's text means, with what it inherits.

    Raises:
        TemplateInvalid: Names file, line and what is wrong (the caller's fault).
    """
    source = source_parse(text, file=file)
    values = dict(source.values)
    ancestor, names = values.get("extends"), [str(values.get("name"))]
    while ancestor:
        if ancestor in names or len(names) > MAX_ANCESTORS:
            raise TemplateInvalid(
                f"{source.at('extends')}: extends: {' -> '.join([*names, str(ancestor)])} does not end."
            )
        names.append(str(ancestor))
        row = _latest(tenant_id, str(ancestor))
        if row is None:
            raise TemplateInvalid(f"{source.at('extends')}: extends: there is no template {str(ancestor)[:64]!r}.")
        parent = source_parse(row.source, file=row.origin).values
        values = inherited(values, parent)
        ancestor = parent.get("extends")
    tools = [info.name for info in (tool_infos(tenant_id=tenant_id) if tenant_id else builtin_tool_infos())]
    return workflow_check(complete(values), source, tools=tools, roles=role_names(tenant_id)), source


def templates_load(folder: Path | None = None) -> list[tuple[WorkflowTemplate, bool]]:
    """Save every template of a folder as the platform's own; those that others extend first.

    Raises:
        TemplateInvalid: Names file, line and what is wrong; what was loaded before stays.
    """
    folder = folder or settings.SHANNON_TEMPLATES_DIR
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml"))}
    sources = {name: source_parse(text, file=name) for name, text in texts.items()}
    files = {str(source.values.get("name")): name for name, source in sources.items()}
    ordered: list[str] = []

    def visit(name: str, depth: int) -> None:
        parent = files.get(str(sources[name].values.get("extends")))
        if parent is not None and parent != name and depth < MAX_ANCESTORS:
            visit(parent, depth + 1)
        if name not in ordered:
            ordered.append(name)

    for name in sources:
        visit(name, 0)
    return [template_save(tenant_id=None, text=texts[name], origin=name) for name in ordered]


def template_for(*, principal: Principal, name: str, version: int | None = None) -> WorkflowTemplate:
    """Return a template, the tenant's own before the platform's; without a version the latest.

    Raises:
        TemplateNotFound: There is none that the principal may see.
    """
    row = _latest(principal.tenant_id, name, version)
    if row is None:
        raise TemplateNotFound(details={"name": name[:64], "version": version})
    return row


def _latest(tenant_id: UUID | None, name: str, version: int | None = None) -> WorkflowTemplate | None:
    visible = Q(tenant_id__isnull=True) | Q(tenant_id=tenant_id) if tenant_id else Q(tenant_id__isnull=True)
    rows = WorkflowTemplate.objects.filter(visible, name=name)
    if version is not None:
        rows = rows.filter(version=version)
    return rows.order_by(F("tenant_id").asc(nulls_last=True), "-version").first()


def templates_listed(*, principal: Principal) -> list[WorkflowTemplate]:
    """Return the latest version of each template that the principal may see, by name; two queries."""
    mine = Q(tenant_id=principal.tenant_id) | Q(tenant_id__isnull=True)
    newest = WorkflowTemplate.objects.filter(mine).values("tenant_id", "name").annotate(latest=Max("version"))
    wanted = Q(pk__in=[])
    for row in newest:
        wanted |= Q(tenant_id=row["tenant_id"], name=row["name"], version=row["latest"])
    by_name: dict[str, WorkflowTemplate] = {}
    for template in WorkflowTemplate.objects.filter(wanted).order_by("name"):
        if template.name not in by_name or template.tenant_id is not None:
            by_name[template.name] = template
    return list(by_name.values())


def template_prepare(*, principal: Principal, reference: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a task of a template is given: `{"name", "version", "workflow", "inputs"}`.

    Args:
        principal: Who asks.
        reference: `name` or `name@version`.
        inputs: Values for the template's inputs.

    Raises:
        TemplateNotFound: There is none that the principal may see.
        InvalidInput: The inputs do not fit the template's schema (the caller's fault).
        ModelUnknown: A node names a model that the tenant may not name.
    """
    name, _, version = reference.partition("@")
    if version and not version.isdigit():
        raise InvalidInput(f"template: {version[:20]!r} is no version.")
    row = template_for(principal=principal, name=name, version=int(version) if version else None)
    workflow = Workflow.model_validate(row.workflow)
    for model in {model for node in workflow.nodes for model in node.parameters.get("models", ())}:
        model_override_check(tenant_id=principal.tenant_id, override=model)
    _names_check(inputs, workflow.inputs)
    filled = {**_defaults(workflow.inputs), **inputs}
    if problems := problems_of(filled, workflow.inputs):
        raise InvalidInput(f"template_inputs: {'; '.join(problems)}.", details={"schema": workflow.inputs})
    return {"name": row.name, "version": row.version, "workflow": row.workflow, "inputs": filled}


_NAMES_ALL: Final = frozenset(
    {"$schema", "title", "description", "type", "properties", "required", "default", "examples"}
)
"""What a schema may hold that says by `properties` alone which inputs there are."""


def _names_check(inputs: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Refuse inputs that the template has not, unless its schema itself says which others there may be.

    Raises:
        InvalidInput: Names them (the caller's fault).
    """
    known = schema.get("properties") or {}
    strange = sorted(set(inputs) - set(known))
    if strange and set(schema) <= _NAMES_ALL:
        has = f"it has {', '.join(sorted(known))}" if known else "it has none"
        shown = ", ".join(name[:64] for name in strange[:10])
        raise InvalidInput(f"template_inputs: the template has no input {shown}; {has}.")


def _defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    return {name: one["default"] for name, one in properties.items() if isinstance(one, dict) and "default" in one}
