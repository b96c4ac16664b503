"""The source of one policy, and what can be told from its text alone.

A policy is one Rego module. Its package is `shannon.<name>` (a policy of the platform) or `tenant.<name>` (a tenant's
own), so that no two policies share rules. It may define:

    actions := {"tool.call"}                          which actions it wants to be asked about; all when absent
    deny contains "a sentence" if { ... }             a reason against; one is enough, whoever gives it
    require_approval contains "a sentence" if { ... } a person must agree first
    allow contains "a sentence" if { ... }            a reason for; at least one is needed
    obligations contains {"max_...": 3} if { ... }    limits that come with an allow; the tightest holds

All four are sets: rules add to them and can never contradict each other.
"""

import re
from dataclasses import dataclass

from policy.errors import PolicyInvalid

KINDS = ("deny", "require_approval", "allow", "obligations")
SOURCE_MAX_BYTES = 64 * 1024
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,48}$")
_PACKAGE = re.compile(r"^\s*package\s+([A-Za-z0-9_.]+)\s*$")


@dataclass(frozen=True, slots=True)
class PolicySource:
    """One version of a policy, as the evaluation needs it."""

    name: str
    version: int
    rego: str
    is_of_tenant: bool = False

    @property
    def package(self) -> str:
        """The package that the module must declare."""
        return f"{'tenant' if self.is_of_tenant else 'shannon'}.{self.name}"

    @property
    def label(self) -> str:
        """How decisions name the policy: a tenant's own is told apart from one of the platform."""
        return f"tenant.{self.name}" if self.is_of_tenant else self.name

    def defines(self, rule: str) -> bool:
        """Tell whether a rule of this name stands at the beginning of a line."""
        return re.search(rf"^\s*(?:default\s+)?{rule}\b(?!\s*\()", self.rego, re.MULTILINE) is not None

    def check_text(self) -> None:
        """Check what can be seen without compiling.

        Raises:
            PolicyInvalid: The writer's fault; the message says what to change.
        """
        if not _NAME.match(self.name):
            raise PolicyInvalid("A policy's name is lower-case letters, digits and `_`, and begins with a letter.")
        if len(self.rego.encode()) > SOURCE_MAX_BYTES:
            raise PolicyInvalid(f"The source is longer than {SOURCE_MAX_BYTES} bytes.")
        if "\x00" in self.rego:
            raise PolicyInvalid("The source contains a NUL character.")
        declared = next((match[1] for line in self.rego.splitlines() if (match := _PACKAGE.match(line))), None)
        if declared != self.package:
            raise PolicyInvalid(f"The source must declare `package {self.package}`, it declares `{declared}`.")
        if not any(self.defines(kind) for kind in KINDS):
            raise PolicyInvalid(f"The source defines none of {', '.join(KINDS)}: it would never decide anything.")
