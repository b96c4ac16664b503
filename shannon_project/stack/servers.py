"""The stack's Postgres and Valkey: those that were given, or embedded ones."""

from dataclasses import dataclass

import psycopg
from redis import Redis
from redis.exceptions import RedisError

from shannon_project.embedded import EmbeddedPostgres, EmbeddedValkey
from shannon_project.embedded.llama import MODEL_NAME, EmbeddedLlama
from shannon_project.settings.env import ENV, GivenServers
from shannon_project.stack.errors import ServersHalfGiven, ServerUnsuitable
from shannon_project.stack.paths import StackPaths
from shannon_project.stack.ports import PortChoice
from shannon_project.stack.roles import Role

POSTGRES_MIN_VERSION = 15
_MODEL_PORT = 8081
REDIS_MIN_VERSION = (6, 2)


@dataclass(frozen=True, slots=True)
class StackServers:
    """Where the servers are; the embedded handles are None when the servers were given."""

    database_url: str
    broker_url: str
    postgres: EmbeddedPostgres | None = None
    valkey: EmbeddedValkey | None = None
    model: EmbeddedLlama | None = None

    @property
    def embedded(self) -> bool:
        """True when the servers are ours to run."""
        return self.postgres is not None

    def roles(self) -> list[Role]:
        """Return what the supervisor runs for them; of servers that were given, nothing."""
        model = [Role("model", self.model.command)] if self.model else []
        if self.postgres is None or self.valkey is None:
            return model
        return [
            *model,
            # SIGINT is Postgres' fast shutdown; on SIGTERM it would wait for its clients.
            Role("postgres", self.postgres.command, "INT", 20, self.postgres.run_as),
            Role("valkey", self.valkey.command),
        ]

    def model_environment(self) -> dict[str, str]:
        """Return the settings that make the local model serve every tier: those of any OpenAI-compatible server.

        A processor writes slowly what a provider's machines write at once, so it is waited for longer.
        """
        if self.model is None:
            return {}
        return {
            "SHANNON_MODEL": MODEL_NAME,
            "SHANNON_MODEL_API_BASE": self.model.api_base,
            "SHANNON_MODEL_TIMEOUT_SECONDS": "550",
            "SHANNON_MODEL_FIRST_TOKEN_TIMEOUT_SECONDS": "500",
        }

    def wait_ready(self) -> None:
        """Wait until both take connections, and check that they have what the platform needs.

        Raises:
            EmbeddedServerError: An embedded server did not come up.
            ServerUnsuitable: A given server does not answer, is too old, or has no pgvector.
        """
        if self.model is not None:
            self.model.wait_ready()
        if self.postgres is not None and self.valkey is not None:
            self.postgres.wait_ready()
            self.postgres.ensure_database()
            self.valkey.wait_ready()
            return
        postgres_check(self.database_url)
        redis_check(self.broker_url)


def servers_choose(paths: StackPaths, choice: PortChoice) -> StackServers:
    """Return the servers that DATABASE_URL and REDIS_URL name, or embedded ones, prepared and not yet running.

    Args:
        paths: The stack's folder.
        choice: Where ports come from.

    Raises:
        ServersHalfGiven: Only one of the two is set.
        EmbeddedServerError: The embedded servers cannot be prepared.
    """
    given = GivenServers()
    if bool(given.database_url) != bool(given.redis_url):
        raise ServersHalfGiven
    model = EmbeddedLlama(choice.take(_MODEL_PORT)) if ENV.local_model else None
    if given.database_url:
        return StackServers(given.database_url, given.redis_url, model=model)
    postgres, valkey = EmbeddedPostgres(paths.postgres_dir), EmbeddedValkey(paths.valkey_dir)
    postgres.prepare()
    valkey.prepare()
    return StackServers(postgres.url, valkey.url, postgres, valkey, model)


def postgres_check(database_url: str) -> str:
    """Return the version of a Postgres that has what we need.

    Raises:
        ServerUnsuitable: It does not answer, is older than 15, or has no pgvector.
    """
    try:
        with psycopg.connect(database_url, connect_timeout=5) as connection:
            version = connection.info.server_version
            vector = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone()
    except psycopg.Error as exc:
        raise ServerUnsuitable(f"Postgres does not answer: {str(exc).strip()}. Check DATABASE_URL.") from exc
    if version < POSTGRES_MIN_VERSION * 10_000:
        raise ServerUnsuitable(f"Postgres is version {version // 10_000}; {POSTGRES_MIN_VERSION} or newer is needed.")
    if vector is None:
        raise ServerUnsuitable("Postgres has no extension `vector`: install pgvector on its machine.")
    return f"{version // 10_000}.{version % 10_000}"


def redis_check(redis_url: str) -> str:
    """Return name and version of a Redis or Valkey that has what we need.

    Raises:
        ServerUnsuitable: It does not answer, is older than 6.2, or may drop keys to make room.
    """
    try:
        with Redis.from_url(redis_url, socket_timeout=5, socket_connect_timeout=5) as redis:
            info = redis.info()
    except (RedisError, ValueError) as exc:
        raise ServerUnsuitable(f"Redis does not answer: {exc}. Check REDIS_URL.") from exc
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if version < REDIS_MIN_VERSION:
        raise ServerUnsuitable(f"Redis is version {info['redis_version']}; 6.2 or newer, or Valkey, is needed.")
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        raise ServerUnsuitable(
            f"Redis may drop messages (maxmemory-policy {info['maxmemory_policy']}): set maxmemory-policy noeviction."
        )
    return f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"
