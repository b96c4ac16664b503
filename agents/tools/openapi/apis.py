"""Importing APIs; every change is the tenant's. Credentials are encrypted before they are stored."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from agents.errors import OpenApiExists, OpenApiInvalid, OpenApiNotFound
from agents.models import OpenApi
from agents.tenant_rows.repository import TenantRepository
from agents.tools.openapi.documents import document_read
from agents.tools.openapi.importing import Wanted, operations_read
from agents.tools.openapi.security import Credentials, Signer, credentials_check, origins_for, schemes_of
from agents.types import Insert, inserted
from policy.errors import ScopeMissing
from policy.types import Principal
from shannon_project.foundation.encryption import secret_decrypt, secret_encrypt
from shannon_project.foundation.outbound import OutboundRefused, fetch, rules_in_use

_NAME: Final = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*\Z")
_NAME_MAX_CHARACTERS: Final = 24
_DANGEROUS: Final = "tools:dangerous"
_SECRET: Final = re.compile(r"[\x20-\x7e]{1,4000}\Z")
_DOCUMENT_TYPES: Final = "application/json, application/yaml;q=0.9, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class OpenApiChanges:
    """What is to be set; None leaves a thing as it is. The document is read again when anything of it changes.

    Attributes:
        url: Where the document is fetched from; empty: it is given as `document`.
        document: Its text, JSON or YAML.
        server_url: What is called in place of the document's servers; empty: those.
        credentials: By security scheme; they replace all that were there.
        tags: Operations with one of them are imported; with `operations` empty too: all.
        operations: Names (`operationId`, or method and path) of operations to import besides.
        operations_trusted: Names of operations that are not dangerous although they may change something.
    """

    url: str | None = None
    document: str | None = None
    server_url: str | None = None
    credentials: Credentials | None = None
    tags: Sequence[str] | None = None
    operations: Sequence[str] | None = None
    operations_trusted: Sequence[str] | None = None
    timeout_seconds: float | None = None
    is_active: bool | None = None


def openapi_apis(*, principal: Principal) -> "QuerySet[OpenApi]":
    """Return the tenant's APIs by name, without their documents."""
    return ROWS.of(principal).defer("document")


def openapi_api_for(*, principal: Principal, api_id: UUID) -> OpenApi:
    """Return one of the tenant's APIs.

    Raises:
        OpenApiNotFound: The tenant has none of this id.
    """
    return ROWS.get(principal, id=api_id)


def openapi_api_create(
    *, principal: Principal, name: str, changes: OpenApiChanges, insert: Insert = inserted
) -> OpenApi:
    """Import an API.

    Raises:
        ScopeMissing: Operations are to be trusted, and the key may not call dangerous ones itself.
        OpenApiInvalid: Name, document, addresses or credentials are not fit (the caller's fault).
        OpenApiExists: The tenant has one of this name, or as many as it may have (the caller's fault).
        OutboundRefused, OutboundFailed: The document may not or could not be fetched.
    """
    _trust_check(principal, changes)
    if not _NAME.match(name) or len(name) > _NAME_MAX_CHARACTERS:
        raise OpenApiInvalid
    if bool(changes.url) == bool(changes.document):
        raise OpenApiInvalid("Give either `url` or `document`.")
    ROWS.room_check(principal.tenant_id)  # before anything is fetched
    api = OpenApi(name=name)
    _change(api, changes, _fetched(changes.url) if changes.url else "")
    return ROWS.add(principal, api, insert=insert)


def openapi_api_change(*, principal: Principal, api_id: UUID, changes: OpenApiChanges) -> OpenApi:
    """Change an API; what it offers follows from its document, which is fetched again only for another `url`.

    Raises:
        OpenApiNotFound: The tenant has none of this id.
        ScopeMissing, OpenApiInvalid, OutboundRefused, OutboundFailed: As for `openapi_api_create`; nothing is changed.
    """
    _trust_check(principal, changes)
    openapi_api_for(principal=principal, api_id=api_id)  # before anything is fetched
    if changes.url and changes.document:
        raise OpenApiInvalid("Give either `url` or `document`.")
    return _changed(principal, api_id, changes)


def openapi_api_refresh(*, principal: Principal, api_id: UUID) -> OpenApi:
    """Fetch an API's document again.

    Raises:
        OpenApiNotFound: The tenant has none of this id.
        OpenApiInvalid: It was given as text, or what is there now is no document; nothing is changed.
        OutboundRefused, OutboundFailed: It may not or could not be fetched; nothing is changed.
    """
    api = openapi_api_for(principal=principal, api_id=api_id)
    if not api.url:
        raise OpenApiInvalid("This API's document was given as text: send the new one.")
    return _changed(principal, api_id, OpenApiChanges(url=api.url), of_url=api.url)


def openapi_api_delete(*, principal: Principal, api_id: UUID) -> None:
    """Forget an API and its credentials.

    Raises:
        OpenApiNotFound: The tenant has none of this id.
    """
    ROWS.delete(principal, id=api_id)


def signer_of(api: OpenApi) -> Signer:
    """Return who calls an API.

    Raises:
        SecretUnreadable: Its credentials were encrypted with a key that is gone.
    """
    credentials = json.loads(secret_decrypt(api.encrypted_credentials)) if api.encrypted_credentials else {}
    return Signer(api.security_schemes, credentials, api.credential_origins)


def _changed(principal: Principal, api_id: UUID, changes: OpenApiChanges, *, of_url: str | None = None) -> OpenApi:
    """Fetch what is to be fetched, then change the row as it is by now: fetching takes long, and undoes nothing.

    `of_url`: nothing is changed of a row whose document is by now somewhere else.
    """
    fetched = _fetched(changes.url) if changes.url else ""
    with transaction.atomic():
        api = ROWS.of(principal).select_for_update().filter(id=api_id).first()
        if api is None:
            raise ROWS.absent(id=api_id)
        if of_url in (None, api.url):
            _change(api, changes, fetched)
            ROWS.change(principal, {name: getattr(api, name) for name in _CHANGEABLE}, id=api_id)
    return openapi_api_for(principal=principal, api_id=api_id)


def _change(api: OpenApi, changes: OpenApiChanges, fetched: str) -> None:
    """Set what is to be set, and read the document again, which was `fetched` from its URL; nothing is saved."""
    lists = {"tags": changes.tags, "operations_trusted": changes.operations_trusted}
    for name, values in {**lists, "operations_wanted": changes.operations}.items():
        if values is not None:
            setattr(api, name, list(values))
    for name in ("timeout_seconds", "is_active"):
        if getattr(changes, name) is not None:
            setattr(api, name, getattr(changes, name))
    if changes.server_url is not None:
        api.server_url = _address(changes.server_url) if changes.server_url else ""
    if changes.document:
        api.url, api.document = "", _bounded(changes.document)
    elif changes.url:
        api.url, api.document = changes.url, fetched
    before = _identities(api)
    _read(api)
    if changes.operations_trusted is None:
        api.operations_trusted = _still_trusted(api, before)
    if changes.credentials is not None:
        _set_credentials(api, changes.credentials)


def _still_trusted(api: OpenApi, before: Mapping[str, tuple[str, str, str]]) -> list[str]:
    """Return which operations stay trusted: a name is the document's, and trust is in what it stood for."""
    now = _identities(api)
    return [name for name in api.operations_trusted if name in now and now[name] == before.get(name)]


def _identities(api: OpenApi) -> dict[str, tuple[str, str, str]]:
    """Return what each imported operation calls, by its name."""
    return {one["operation"]: (one["method"], one["server"], one["path"]) for one in api.operations}


def _read(api: OpenApi) -> None:
    document = document_read(api.document)
    wanted = Wanted(
        api=api.name,
        tags=api.tags,
        operations=api.operations_wanted,
        server=api.server_url.rstrip("/"),
        base_url=api.url,
        limit=settings.SHANNON_OPENAPI_TOOLS_MAX,
    )
    operations, report = operations_read(document, wanted)
    schemes, problems = schemes_of(document, api.url)
    info = document.resolved(document.root.get("info"))
    api.title, api.version = str(info.get("title", ""))[:200], str(info.get("version", ""))[:100]
    api.operations, api.security_schemes = list(operations), dict(schemes)
    api.report = {**report.as_json(), "problems": [*report.problems, *problems][:200]}
    api.imported_at = Now()


def _set_credentials(api: OpenApi, credentials: Credentials) -> None:
    credentials_check(credentials, api.security_schemes)
    for name, given in credentials.items():
        if not all(_SECRET.match(value) for value in given.values()):
            raise OpenApiInvalid("Credentials are printable ASCII.", details={"scheme": name[:100]})
    api.encrypted_credentials = secret_encrypt(json.dumps({k: dict(v) for k, v in credentials.items()}))
    api.credential_origins = origins_for([record["server"] for record in api.operations], api.security_schemes)


def _fetched(url: str) -> str:
    response = fetch(
        _address(url), headers={"Accept": _DOCUMENT_TYPES}, max_bytes=settings.SHANNON_OPENAPI_DOCUMENT_MAX_BYTES
    )
    if response.status != 200:
        raise OpenApiInvalid(f"The document's address answered with status {response.status}.")
    return _bounded(response.content.decode("utf-8-sig", "replace"))


def _bounded(text: str) -> str:
    size_bytes = len(text.encode("utf-8", "replace"))
    if size_bytes > settings.SHANNON_OPENAPI_DOCUMENT_MAX_BYTES:
        limit = settings.SHANNON_OPENAPI_DOCUMENT_MAX_BYTES
        raise OpenApiInvalid(f"The document has {size_bytes} bytes; at most {limit} are taken.")
    return text.replace("\x00", "")


def _address(url: str) -> str:
    try:
        rules_in_use().url_check(url)
    except OutboundRefused as error:
        raise OpenApiInvalid(error.message, details=error.details) from error
    return url


def _trust_check(principal: Principal, changes: OpenApiChanges) -> None:
    """Nobody lets agents call as harmless what the own key may not call."""
    if changes.operations_trusted and not principal.has_scope(_DANGEROUS):
        raise ScopeMissing(f"Trusting operations needs the scope {_DANGEROUS}.", details={"required": _DANGEROUS})


_CHANGEABLE: Final = frozenset(field.attname for field in OpenApi._meta.concrete_fields) - {
    *("id", "tenant_id", "name", "created_by", "created_at", "updated_at")
}
ROWS: Final = TenantRepository(
    OpenApi,
    kind="API",
    kinds="APIs",
    id_name="api_id",
    missing=OpenApiNotFound,
    taken=OpenApiExists,
    limit=lambda: settings.SHANNON_OPENAPI_APIS_MAX,
)
