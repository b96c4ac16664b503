"""Who calls: the security schemes of a document, the tenant's credentials for them, and what they add to a request.

Credentials go to the origins for which they were given (`origins`), and nowhere else, whatever a later version of the
document says of its servers.
"""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict
from urllib.parse import quote, urlencode, urlsplit

from agents.errors import OpenApiCredentialsMissing, OpenApiInvalid
from agents.tools.openapi.documents import Document, address_in, listed, mapping
from shannon_project.foundation.outbound import fetch

_EARLY_SECONDS: Final = 30.0  # a token is replaced so long before its end
_DEFAULT_TOKEN_SECONDS: Final = 300.0  # RFC 6749 §5.1: where no lifetime is said, it is known otherwise
_TOKENS_MAX: Final = 1_000
_ALTERNATIVES_MAX: Final = 20
_FIELDS: Final = {
    "key": ({"value"},),
    "bearer": ({"token"},),
    "basic": ({"username", "password"},),
    "oauth2": ({"client_id", "client_secret"}, {"client_id", "client_secret", "scope"}, {"token"}),
}
Credentials = Mapping[str, Mapping[str, str]]


class SchemeRecord(TypedDict):
    """A security scheme: `kind` is key, bearer, basic or oauth2; the others are for one of them."""

    kind: str
    location: str
    name: str
    token_url: str


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def schemes_of(document: Document, base_url: str) -> tuple[dict[str, SchemeRecord], list[str]]:
    """Return a document's security schemes by name, and what of them cannot be done."""
    found: dict[str, SchemeRecord] = {}
    problems: list[str] = []
    components = mapping(document.root.get("components"))
    for name, raw in mapping(components.get("securitySchemes")).items():
        record = _scheme(document.resolved(raw), base_url)
        if record is None:
            problems.append(f"the security scheme {name[:100]} is not supported")
        else:
            found[name] = record
    return found, problems


def requirements_of(document: Document, operation: Mapping[str, Any]) -> list[list[str]]:
    """Return which schemes an operation wants, as alternatives; without any, nobody is asked."""
    alternatives = listed(operation.get("security", document.root.get("security")))[:_ALTERNATIVES_MAX]
    return [sorted(one)[:_ALTERNATIVES_MAX] for one in alternatives if isinstance(one, Mapping)]


def credentials_check(credentials: Credentials, schemes: Mapping[str, SchemeRecord]) -> None:
    """Compare credentials with the schemes that they are for.

    Raises:
        OpenApiInvalid: There is no such scheme, or it needs something else (the caller's fault).
    """
    for name, given in credentials.items():
        scheme = schemes.get(name)
        if scheme is None:
            raise OpenApiInvalid(
                f"The document has no security scheme {name[:100]!r}; it has {', '.join(schemes) or 'none'}."
            )
        if set(given) not in _FIELDS[scheme["kind"]]:
            wanted = " or ".join(", ".join(sorted(fields)) for fields in _FIELDS[scheme["kind"]])
            raise OpenApiInvalid(f"The security scheme {name[:100]} takes {wanted}.", details={"scheme": name[:100]})


def origins_for(servers: Sequence[str], schemes: Mapping[str, SchemeRecord]) -> list[str]:
    """Return the origins that get credentials which are given now."""
    tokens = [scheme["token_url"] for scheme in schemes.values() if scheme["token_url"]]
    return sorted({origin_of(url) for url in (*servers, *tokens)})


@dataclass(slots=True)
class Signature:
    """What credentials add to a request."""

    headers: dict[str, str] = field(default_factory=dict)
    query: list[tuple[str, str]] = field(default_factory=list)
    cookies: list[tuple[str, str]] = field(default_factory=list)

    @property
    def secret_headers(self) -> frozenset[str]:
        """Names of the headers that may go to this origin only."""
        return frozenset(name.lower() for name in self.headers)


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs requests to one API.

    Attributes:
        schemes: Of the document.
        credentials: The tenant's, by scheme; secret.
        origins: Where they may go.
    """

    schemes: Mapping[str, SchemeRecord]
    credentials: Credentials = field(repr=False)
    origins: Sequence[str]

    def sign(self, requirements: Sequence[Sequence[str]], url: str, *, timeout_seconds: float) -> Signature:
        """Return what the first alternative adds that there are credentials for.

        Raises:
            OpenApiCredentialsMissing: There are none, or they are for another address.
            OutboundRefused, OutboundFailed: The server that gives tokens may not or could not be reached.
        """
        signature = Signature()
        if not requirements:
            return signature
        usable = [one for one in requirements if all(map(self._has, one))]
        if not usable:
            wanted = " or ".join(" and ".join(one) for one in requirements)
            raise OpenApiCredentialsMissing(f"The API wants credentials for {wanted}; none were given.")
        chosen = max(usable, key=len)  # an empty alternative is the one to take without credentials only
        if chosen and origin_of(url) not in self.origins:
            raise OpenApiCredentialsMissing(
                f"The credentials were not given for {origin_of(url)}. Give them again if they may go there."
            )
        for name in chosen:
            self._add(signature, self.schemes[name], self.credentials[name], timeout_seconds)
        return signature

    def forget_tokens(self) -> bool:
        """Drop what tokens were got with these credentials; return whether there were any."""
        keys = [
            _token_key(self.schemes[name], given) for name, given in self.credentials.items() if name in self.schemes
        ]
        return sum(map(_TOKENS.forget, keys)) > 0

    def _has(self, name: str) -> bool:
        """Tell whether there are credentials for a scheme as the document has it now."""
        scheme, given = self.schemes.get(name), self.credentials.get(name)
        return scheme is not None and given is not None and set(given) in _FIELDS[scheme["kind"]]

    def _add(
        self, signature: Signature, scheme: SchemeRecord, given: Mapping[str, str], timeout_seconds: float
    ) -> None:
        if scheme["kind"] == "key":
            pair = (scheme["name"], given["value"])
            if scheme["location"] == "header":
                signature.headers[pair[0]] = pair[1]
            elif scheme["location"] == "query":
                signature.query.append((quote(pair[0], safe="-._~"), quote(pair[1], safe="-._~")))
            else:
                signature.cookies.append(pair)
        elif scheme["kind"] == "basic":
            signature.headers["Authorization"] = _basic(given["username"], given["password"])
        else:
            token = given.get("token") or self._token(scheme, given, timeout_seconds)
            signature.headers["Authorization"] = f"Bearer {token}"

    def _token(self, scheme: SchemeRecord, given: Mapping[str, str], timeout_seconds: float) -> str:
        if origin_of(scheme["token_url"]) not in self.origins:
            raise OpenApiCredentialsMissing(
                f"The credentials were not given for {origin_of(scheme['token_url'])}. Give them again."
            )
        key = _token_key(scheme, given)
        return _TOKENS.of(key) or _token_fetch(key, scheme, given, timeout_seconds)


def _scheme(raw: Mapping[str, Any], base_url: str) -> SchemeRecord | None:
    kind, http, place = raw.get("type"), str(raw.get("scheme", "")).lower(), str(raw.get("in"))
    if kind == "apiKey" and place in {"header", "query", "cookie"} and raw.get("name"):
        return SchemeRecord(kind="key", location=place, name=str(raw["name"]), token_url="")
    if kind == "http" and http in {"bearer", "basic"}:
        return SchemeRecord(kind=http, location="", name="", token_url="")
    if kind == "oauth2":
        written = str(mapping(mapping(raw.get("flows")).get("clientCredentials")).get("tokenUrl", ""))
        token_url = address_in(written, base_url) if written else ""
        # of its other flows, which need a person, the tenant may bring the token that came of them
        return SchemeRecord(kind="oauth2" if token_url else "bearer", location="", name="", token_url=token_url)
    if kind == "openIdConnect":
        return SchemeRecord(kind="bearer", location="", name="", token_url="")
    return None


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def _token_key(scheme: SchemeRecord, given: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps([scheme["token_url"], dict(given)], sort_keys=True).encode()).hexdigest()


def _token_fetch(key: str, scheme: SchemeRecord, given: Mapping[str, str], timeout_seconds: float) -> str:
    """Ask for a token as RFC 6749 §4.4 has it, the client's id and secret in the header (§2.3.1)."""
    form = {"grant_type": "client_credentials"} | ({"scope": given["scope"]} if given.get("scope") else {})
    response = fetch(
        scheme["token_url"],
        method="POST",
        headers={
            "Authorization": _basic(quote(given["client_id"], safe=""), quote(given["client_secret"], safe="")),
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        },
        body=urlencode(form).encode(),
        timeout_seconds=timeout_seconds,
    )
    try:
        answer = json.loads(response.content) if response.status == 200 else {}
        token, lifetime = str(answer["access_token"]), float(answer.get("expires_in") or _DEFAULT_TOKEN_SECONDS)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        message = f"{urlsplit(scheme['token_url']).hostname} gave no token; it answered with status {response.status}."
        raise OpenApiCredentialsMissing(message) from error
    _TOKENS.keep(key, token, lifetime)
    return token


class _Tokens:
    """Tokens until shortly before their end, by a digest of the credentials; in this process's memory only."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def of(self, key: str) -> str:
        with self._lock:
            token, ends_at = self._kept.get(key, ("", 0.0))
        return token if time.monotonic() < ends_at else ""

    def keep(self, key: str, token: str, lifetime_seconds: float) -> None:
        with self._lock:
            if len(self._kept) >= _TOKENS_MAX:
                self._kept.clear()
            self._kept[key] = (token, time.monotonic() + lifetime_seconds - _EARLY_SECONDS)

    def forget(self, key: str) -> bool:
        with self._lock:
            return self._kept.pop(key, None) is not None


_TOKENS = _Tokens()
