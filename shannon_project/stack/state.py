"""What a running stack says of itself in `stack.json`."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from shannon_project.stack.paths import StackPaths, json_read


@dataclass(frozen=True, slots=True)
class StackState:
    """Addresses, keys and pids of a running stack."""

    base_url: str
    api_key: str
    admin_url: str
    admin_user: str
    admin_password: str
    flower_url: str
    gateway_url: str
    docs_url: str
    metrics_url: str
    database_url: str
    broker_url: str
    supervisor_url: str
    embedded_servers: bool
    pids: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object of `stack.json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Make a state from the JSON object of `stack.json`; unknown keys are left out.

        Raises:
            KeyError: A key is missing.
        """
        return cls(**{item.name: values[item.name] for item in fields(cls)})


def admin_login(state: StackState, paths: StackPaths, known_before: dict[str, Any] | None) -> str:
    """Return the admin's login as a command prints it: the password once, by the command that made it.

    Args:
        state: The running stack.
        paths: Its folder.
        known_before: What `credentials.json` held when the command began; None when there was none.
    """
    if (known_before or {}).get("admin_password") == state.admin_password:
        return f"{state.admin_user}, password in {paths.credentials}"
    return f"{state.admin_user} / {state.admin_password}   (shown once; kept in {paths.credentials})"


def state_of(paths: StackPaths) -> StackState | None:
    """Return what `stack.json` says, or None when there is none; the processes may be gone all the same."""
    values = json_read(paths.state)
    try:
        return StackState.from_json(values) if values is not None else None
    except KeyError:
        return None
