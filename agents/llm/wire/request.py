"""What is sent to a server that speaks OpenAI's protocol. litellm writes it, once for each form of request.

`litellm.completion(client=…)` is litellm's documented way to bring a client of one's own. Ours takes what litellm would
send and sends nothing. That takes litellm half a millisecond, so it is remembered: a request that differs from an
earlier one only in the words of its messages is written after its example. A test holds both.
"""

import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final, NoReturn

from agents.llm.wire.examples import Examples, form_name

_PROVIDER: Final = "openai"
_PREFIX: Final = f"{_PROVIDER}/"
_DEFAULT_BASE: Final = "https://api.openai.com/v1"
_NOT_OF_THE_BODY: Final = ("timeout", "extra_headers", "extra_body")


@dataclass(frozen=True, slots=True)
class WireRequest:
    """An HTTP request: a POST of JSON. Headers hold the key: it is never shown."""

    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    def __repr__(self) -> str:
        """Return where it goes, without its headers."""
        return f"WireRequest({self.url})"


@dataclass(frozen=True, slots=True)
class _Example:
    """What litellm made of a request: the body without messages, and its headers."""

    body: Mapping[str, Any]
    headers: Mapping[str, str]


class _Written(BaseException):
    """Carries what litellm would send out of litellm; no `Exception`, which litellm would take for a failure."""

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__()
        self.data = data


class Scribe:
    """Has litellm write requests. Thread-safe."""

    def __init__(self, library: Any, completion: Callable[..., Any]) -> None:
        """Take the module `litellm`, loaded, and its `completion`."""
        self._library = library
        self._completion = completion
        self._is_plain = _is_plain(library)
        self._examples: Examples[_Example] = Examples()

    def request(self, parameters: Mapping[str, Any]) -> WireRequest | None:
        """Return the HTTP request of a call; None: litellm must make this call itself.

        Args:
            parameters: The arguments of `litellm.completion`.
        """
        if not self._is_plain or not str(parameters["model"]).startswith(_PREFIX):
            return None
        key = parameters.get("api_key") or self._library.api_key or self._library.openai_key
        key = key or self._library.get_secret_str("OPENAI_API_KEY")
        if not key:
            return None  # litellm says what is missing
        messages = parameters["messages"]
        known = form_name(parameters, messages)
        example = None if known is None else self._examples.find(known)
        if example is None:
            data = self._written(parameters)
            if data is None:
                return None
            example, messages = _example_of(data), data["messages"]
            if known is not None and messages == parameters["messages"]:
                self._examples.keep(known, example)
        headers = {
            **example.headers,
            **_organisation(self._library),
            **(parameters.get("extra_headers") or {}),
            "Authorization": f"Bearer {key}",
        }
        return WireRequest(
            f"{self._base(parameters)}/chat/completions", headers, {**example.body, "messages": messages}
        )

    def _base(self, parameters: Mapping[str, Any]) -> str:
        """Return the address in litellm's own order."""
        secret = self._library.get_secret_str
        found = parameters.get("api_base") or self._library.api_base
        found = found or secret("OPENAI_BASE_URL") or secret("OPENAI_API_BASE") or _DEFAULT_BASE
        return str(found).strip().rstrip("/")

    def _written(self, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what litellm would hand to OpenAI's client; None: it would go another way."""
        if self._goes_elsewhere(parameters):
            return None
        asked = {name: value for name, value in parameters.items() if name != "extra_headers"}
        try:
            self._completion(**asked, client=_client())
        except _Written as written:
            return None if "extra_query" in written.data else written.data
        return None

    def _goes_elsewhere(self, parameters: Mapping[str, Any]) -> bool:
        """Tell whether litellm asks another provider, or OpenAI's other protocol, which knows no such client."""
        base = parameters.get("api_base")
        model, provider, *_ = self._library.get_llm_provider(
            model=parameters["model"], api_base=base, api_key=parameters.get("api_key")
        )
        if provider != _PROVIDER:
            return True
        info, _ = self._library.main.responses_api_bridge_check(
            model=model,
            custom_llm_provider=provider,
            tools=parameters.get("tools"),
            reasoning_effort=parameters.get("reasoning_effort"),
            api_base=base,
        )
        return bool(info.get("mode") == "responses")


def _is_plain(library: Any) -> bool:
    """Tell whether nothing of the environment is meant for litellm's HTTP client: a proxy, or other certificates."""
    proxies = {"http", "https", "all"} & urllib.request.getproxies().keys()
    special = [name for name in ("SSL_VERIFY", "SSL_CERTIFICATE", "SSL_SECURITY_LEVEL") if library.get_secret_str(name)]
    return not proxies and not special and library.ssl_verify is True


def _client() -> Any:
    """Return what litellm takes for OpenAI's client, as far as it looks."""
    create = SimpleNamespace(create=_taken)
    chat = SimpleNamespace(completions=SimpleNamespace(with_raw_response=create, create=_taken))
    return SimpleNamespace(chat=chat, api_key="", _base_url=SimpleNamespace(_uri_reference=""))


def _taken(**data: Any) -> NoReturn:
    raise _Written(data)


def _example_of(data: Mapping[str, Any]) -> _Example:
    body = {name: value for name, value in data.items() if name not in _NOT_OF_THE_BODY and name != "messages"}
    return _Example({**body, **(data.get("extra_body") or {})}, dict(data.get("extra_headers") or {}))


def _organisation(library: Any) -> dict[str, str]:
    """Return what OpenAI's client adds of its own."""
    secret = library.get_secret_str
    organisation = library.organization or secret("OPENAI_ORGANIZATION") or secret("OPENAI_ORG_ID")
    found = {"OpenAI-Organization": organisation, "OpenAI-Project": secret("OPENAI_PROJECT_ID")}
    return {name: str(value) for name, value in found.items() if value}
