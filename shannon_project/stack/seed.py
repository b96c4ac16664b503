"""Makes what a fresh database needs: a tenant, an API key and an admin user."""

import json
import secrets
from typing import Any

from django.contrib.auth import get_user_model

from orchestration.workflows.service import templates_load
from policy.errors import ApiKeyExpired, ApiKeyInvalid
from policy.models import Tenant
from policy.services import api_key_issue, principal_authenticate, tenant_seed
from policy.types import SCOPES
from shannon_project.stack.paths import StackPaths, json_read, private_write

ADMIN_USER = "admin"


def seed(*, paths: StackPaths) -> dict[str, Any]:
    """Make the tenant `default`, an API key, the admin user and the platform's templates, as far as they are missing.

    The secrets are kept in `credentials.json` (mode 600), because the database has only their hashes.

    Returns:
        `{"tenant", "api_key", "admin_user", "admin_password"}`.
    """
    known = json_read(paths.credentials) or {}
    tenant = tenant_seed(slug="default", name="Default")
    templates_load()
    credentials = {
        "tenant": tenant.slug,
        "api_key": _api_key(tenant, str(known.get("api_key", ""))),
        "admin_user": ADMIN_USER,
        "admin_password": _admin_password(str(known.get("admin_password", ""))),
    }
    paths.local_dir.mkdir(parents=True, exist_ok=True)
    private_write(paths.credentials, json.dumps(credentials, indent=2) + "\n")
    return credentials


def _api_key(tenant: Tenant, known: str) -> str:
    try:
        if known and principal_authenticate(api_key=known).tenant_id == tenant.id:
            return known
    except (ApiKeyInvalid, ApiKeyExpired):
        pass  # of another database, or revoked since
    issued = api_key_issue(tenant=tenant, name="local", user_id=ADMIN_USER, scopes=sorted(SCOPES), roles=["owner"])
    return issued.plaintext


def _admin_password(known: str) -> str:
    model = get_user_model()
    user = model.objects.filter(username=ADMIN_USER).first()
    if user is not None and known and user.check_password(known):
        return known
    password = secrets.token_urlsafe(15)
    if user is None:
        model.objects.create_superuser(username=ADMIN_USER, email="", password=password)
    else:
        user.set_password(password)
        user.save(update_fields=["password"])
    return password
