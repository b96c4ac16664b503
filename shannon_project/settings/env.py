"""The only file that reads the environment. Units are in the names; `docs/configuration.md` lists every variable."""

import os
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent.parent


class Environment(BaseSettings):
    """What may be set from outside. A running stack leaves its own values in `.local/env`; `.env` overrides them."""

    model_config = SettingsConfigDict(
        env_prefix="SHANNON_", env_file=(BASE_DIR / ".local" / "env", BASE_DIR / ".env"), extra="ignore"
    )

    database_url: str = Field("postgresql://127.0.0.1:5432/shannon", validation_alias="DATABASE_URL")
    redis_url: str = Field("redis://127.0.0.1:6379/0", validation_alias="REDIS_URL")
    secret_key: SecretStr = Field(SecretStr(""), description="Signs sessions; web does not start without.")
    encryption_keys: SecretStr = Field(
        SecretStr(""), description="Fernet keys for secrets in the database, comma-separated, the newest first."
    )
    debug: bool = False
    allowed_hosts: str = Field("127.0.0.1,localhost,[::1]", description="Comma-separated host names.")
    https: bool = Field(False, description="People reach web by https, through a proxy with TLS.")
    log_level: str = "INFO"
    log_json: bool = True
    local_model: bool = Field(False, description="Run the small model of requirements-local.txt beside the stack.")
    local_dir: Path = Field(BASE_DIR / ".local", description="Where embedded servers and workspaces keep their data.")

    database_pool_max_connections: int = Field(16, ge=2, description="Connections per process.")
    database_pool_timeout_seconds: float = Field(10.0, gt=0)
    database_prepares: bool = Field(
        True, description="Off behind a pooler that does not know prepared statements, such as PgBouncer before 1.21."
    )
    database_transaction_idle_seconds: float = Field(15.0, gt=0, description="Then Postgres ends an idle transaction.")

    model: str = Field("", description="litellm model name that serves every tier, for example openai/gpt-5-mini.")
    model_api_base: str = Field(
        "", description="Address of an OpenAI-compatible server that serves SHANNON_MODEL, with its /v1."
    )
    model_api_key: SecretStr = Field(SecretStr(""), description="Key of that server, if it asks for one.")
    models_allowed: str = Field(
        "", description="litellm names that a model_override may name beside the catalogue; comma-separated."
    )
    model_timeout_seconds: float = Field(120.0, gt=0, description="One attempt at a model call.")
    model_first_token_timeout_seconds: float = Field(60.0, gt=0, description="Until a streamed answer begins.")
    model_cache_seconds: int = Field(0, ge=0, description="How long an answer is given again to the same request.")
    offline_latency_seconds: float = Field(0.0, ge=0, description="How long the offline model waits before it answers.")
    gateway_url: str = Field("http://127.0.0.1:8001", description="Where web finds the gateway process.")
    gateway_calls_max: int = Field(1000, ge=1, description="Model calls that a gateway process makes at once.")
    openai_body_max_bytes: int = Field(16 * 1024 * 1024, ge=1024, description="Of one request to `/v1`.")
    workspace_dir: Path | None = Field(None, description="Session workspaces; default: `workspaces` in the local dir.")

    sandbox_runtime: str = Field("sandbox.runtimes.wasmer.WasmerRuntime", description="Dotted path of a `Runtime`.")
    sandbox_fast_runtime: str = Field(
        "sandbox.runtimes.eryx.EryxRuntime", description="The fast lane for Python; empty: none."
    )
    sandbox_program_runtime: str = Field(
        "sandbox.runtimes.monty.MontyRuntime", description="Runs programs that call tools; empty: CPython does."
    )
    sandbox_hosts: int = Field(2, ge=1, description="Programs at once in each lane, per worker process.")
    sandbox_cache_dir: Path | None = Field(None, description="Compiled guests; default: in the local dir.")
    sandbox_wall_seconds: float = Field(20.0, gt=0, description="Time that one program may take.")
    sandbox_wait_seconds: float = Field(60.0, ge=0, description="How long a program waits for a free sandbox host.")
    sandbox_memory_bytes: int = Field(256 * 1024**2, ge=32 * 1024**2, description="Rounded down to a power of two.")
    sandbox_output_bytes: int = Field(256 * 1024, gt=0, description="Kept of each of stdout and stderr.")
    sandbox_network_hosts: str = Field("", description="Hosts that programs may read from, comma-separated.")
    workspace_storage: str = Field("", description="Dotted path of a Django storage for workspaces; empty: on disk.")
    workspace_storage_options: dict[str, Any] = Field(
        default_factory=dict, description="What that storage is made with, as a JSON object."
    )
    workspace_max_files: int = Field(256, gt=0, description="Files of one session's workspace.")
    workspace_max_bytes: int = Field(64 * 1024**2, gt=0, description="Total size of one session's workspace.")
    workspace_file_max_bytes: int = Field(20 * 1024**2, gt=0, description="Size of one file of a workspace.")

    worker_processes: int = Field(1, ge=1, description="Workers of steps on this machine, forked from one process.")
    worker_threads: int = Field(16, ge=1, description="Steps that one worker process runs at once.")
    control_threads: int = Field(4, ge=1, description="Control jobs that one control worker runs at once.")
    worker_metrics_port: int = Field(0, ge=0, description="Port of a worker's own /metrics; 0: none.")

    worker_ping_seconds: float = Field(10.0, gt=0, description="How often a worker asks itself through the broker.")
    lease_seconds: float = Field(8.0, gt=0, description="A step not heard of for this long is claimable again.")
    heartbeat_seconds: float = Field(2.0, gt=0)
    recover_interval_seconds: float = Field(2.0, gt=0)
    shutdown_grace_seconds: float = Field(20.0, gt=0, description="From SIGTERM until a worker gives up all.")
    retention_months: int = Field(0, ge=0, description="Events, journal, blobs older than so many months go; 0: none.")
    failpoints: str = Field("", description="For tests of faults: seams at which the process kills itself.")

    http_ports: str = Field("80,443", description="Ports that tools may reach, comma-separated.")
    http_hosts_allowed: str = Field("", description="Hosts that tools alone may reach, comma-separated; empty: any.")
    http_hosts_denied: str = Field("", description="Hosts that tools may not reach, comma-separated.")
    http_endpoints_allowed: str = Field(
        "", description="`host:port` pairs that tools may reach although private or on another port; comma-separated."
    )
    http_networks_allowed: str = Field("", description="Networks that tools may reach although private.")
    http_dns_servers: str = Field("", description="Name servers as address:port, comma-separated; empty: the system's.")
    http_timeout_seconds: float = Field(30.0, gt=0, description="One fetch of a tool, redirects included.")
    http_max_bytes: int = Field(5 * 1024**2, gt=0, description="Content that one fetch of a tool may read.")

    mcp_stdio_servers: str = Field("{}", description="MCP servers that workers start themselves, as a JSON object.")
    tool_limits: str = Field("{}", description="Calls a minute and cache of tools by name, as a JSON object.")
    skills_dir: Path | None = Field(None, description="A folder of skills beside the shipped ones.")
    browser_executable: str = Field("", description="The Chromium of the tool browser; empty: the one on PATH.")
    searxng_url: str = Field("", description="A SearXNG server that web_search asks.")
    tavily_api_key: SecretStr = Field(SecretStr(""), validation_alias="TAVILY_API_KEY")
    brave_api_key: SecretStr = Field(SecretStr(""), validation_alias="BRAVE_API_KEY")
    serper_api_key: SecretStr = Field(SecretStr(""), validation_alias="SERPER_API_KEY")

    rate_limit_key_per_minute: int = Field(3000, ge=0, description="Requests of one API key; 0: no limit.")
    rate_limit_tenant_per_minute: int = Field(12000, ge=0, description="Of all keys of a tenant; 0: no limit.")
    router_learns: bool = Field(False, description="Whether outcomes of tasks change what the router chooses.")
    tenant_max_open_tasks: int = Field(1000, ge=1, description="Tasks of a tenant that have not ended.")
    traces_endpoint: str = Field(
        "",
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="Receiver of traces, OTLP over HTTP; empty: none.",
    )
    traces_service: str = Field(
        "shannon", validation_alias="OTEL_SERVICE_NAME", description="`service.name` in traces."
    )
    traces_content: bool = Field(False, description="Whether traces hold prompts, answers and arguments of tools.")
    flower_url: str = Field("", description="Where Flower is, for the links of `/`; empty: no link.")
    metrics_allowed_networks: str = Field(
        "127.0.0.0/8,::1/128", description="Who may read /metrics without a key of scope admin; comma-separated."
    )


class GivenServers(BaseSettings):
    """Servers that a person names, in the environment or in `.env`; unlike `Environment`, not those of `.local/env`."""

    model_config = SettingsConfigDict(env_file=BASE_DIR / ".env", extra="ignore")

    database_url: str = Field("", validation_alias="DATABASE_URL")
    redis_url: str = Field("", validation_alias="REDIS_URL")


def child_environment(**values: str) -> dict[str, str]:
    """Return the environment of a child process of the local stack: what `.env` says, this process's own, `values`.

    `.env` goes along whole, because it may hold a provider's key, which litellm reads from the environment.
    """
    named = {name: value for name, value in dotenv_values(BASE_DIR / ".env").items() if value is not None}
    return {**named, **os.environ, **values}


ENV = Environment()
