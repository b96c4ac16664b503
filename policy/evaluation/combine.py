"""What several policies say becomes one decision. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policy.errors import PolicyFailed
from policy.types import Decision, Verdict

LIMIT_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one policy put into one of the four sets (`KINDS`), for one question."""

    policy: str
    kind: str
    values: tuple[Any, ...]


def combine(contributions: Sequence[Contribution], policy_versions: Mapping[str, int]) -> Decision:
    """Return the decision: a denial wins over everything, then a wish for approval; without an allow, it is a denial.

    Order does not matter: contributions are sorted, so equal sets give equal decisions.

    Raises:
        PolicyFailed: A policy gave a value of the wrong kind, or obligations that cannot both hold.
    """
    by_kind: dict[str, list[tuple[str, str]]] = {}
    for contribution in contributions:
        if contribution.kind == "obligations":
            continue
        for reason in contribution.values:
            if not isinstance(reason, str):
                raise PolicyFailed(
                    f"{contribution.policy}.{contribution.kind} must hold sentences, it holds {reason!r}."
                )
            by_kind.setdefault(contribution.kind, []).append((contribution.policy, reason))
    for kind, verdict in (
        ("deny", Verdict.DENY),
        ("require_approval", Verdict.REQUIRE_APPROVAL),
        ("allow", Verdict.ALLOW),
    ):
        if found := sorted(by_kind.get(kind, ())):
            obligations = merge_obligations(contributions) if verdict is not Verdict.DENY else {}
            reason = " ".join(dict.fromkeys(text for _, text in found))
            return Decision(verdict, reason, f"{found[0][0]}.{kind}", obligations, policy_versions)
    return Decision(Verdict.DENY, "No policy allows this.", "default.deny", {}, policy_versions)


def merge_obligations(contributions: Sequence[Contribution]) -> dict[str, Any]:
    """Return all obligations in one mapping; where several name the same limit, the tightest holds.

    Numbers: the smallest. Truth values: true. Lists: what is in all of them. Anything else must be equal. What is named
    `max_…` must be a number, for callers count with it.
    """
    merged: dict[str, Any] = {}
    for contribution in contributions:
        if contribution.kind != "obligations":
            continue
        for obligation in contribution.values:
            if not isinstance(obligation, dict):
                raise PolicyFailed(f"{contribution.policy}.obligations must hold objects, it holds {obligation!r}.")
            for name, value in obligation.items():
                _check_limit(contribution.policy, name, value)
                merged[name] = _tightest(name, merged[name], value) if name in merged else value
    return dict(sorted(merged.items()))


def _check_limit(policy: str, name: str, value: Any) -> None:
    if name.startswith("max_") and not (_is_number(value) and 1 <= value <= LIMIT_MAX):
        raise PolicyFailed(
            f"{policy}.obligations: {name} must be a number from 1 to {LIMIT_MAX}, it is {value!r:.100}."
        )


def _tightest(name: str, one: Any, other: Any) -> Any:
    if isinstance(one, bool) and isinstance(other, bool):
        return one or other
    if _is_number(one) and _is_number(other):
        return min(one, other)
    if isinstance(one, list) and isinstance(other, list):
        return [value for value in one if value in other]
    if one != other:
        raise PolicyFailed(f"Two policies want different values of the obligation {name!r}: {one!r} and {other!r}.")
    return one


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
