"""The source of one policy, and what can be told from its text alone.

A policy is one Rego module. Its package is `shannon.<name>` (a policy of the platform) or `tenant.<name>` (a tenant's
own), so that no two policies share rules. It may define:

    actions := {"tool.call"}                          which actions it wants to be asked about; all when absent
    deny contains "a sentence" if { ... }             a reason against; one is enough, whoever gives it
    require_approval contains "a sentence" if { ... } a person must agree first
    allow contains "a sentence" if { ... }            a reason for; at least one is needed
    obligations contains {"max_...": 3} if { ... }    limits that come with an allow; the tightest holds

All four are sets: rules add to them and can never contradict each other. Which of them a policy defines is the Rego
compiler's to know, never told from the text: `EMPTY_RULES` makes all four defined.

What is refused by its text alone is what could reach out of the evaluation (`opa.runtime()` gives the environment of
the process) and what would hide that from a reading of the text.
"""

import re
from dataclasses import dataclass

from policy.errors import PolicyInvalid

KINDS = ("deny", "require_approval", "allow", "obligations")
SOURCE_MAX_BYTES = 64 * 1024
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,48}$")
EMPTY_RULES = "\n".join(f'{kind} contains "" if false' for kind in KINDS)
"""Added to the package of every policy: each set is then defined, and a rule that is no set does not compile."""

_PACKAGE = re.compile(r"\s*package[ \t]+([A-Za-z0-9_.]+)[ \t\r]*(?:\n|\Z)")
# Only what JSON and the library both take for a text; a quote that is left over is refused, not guessed at.
_TEXT_OR_COMMENT = re.compile(r'#[^\n]*|"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"|`[^`]*`')
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]|\r(?!\n)")
_REACHES_OUT = re.compile(r"\b(opa|http|net)\b")
_INPUT = re.compile(r"\binput\b")
# A field of what is to be done or of who asks, by its name. Whatever else is done with `input` may read all of it.
_FIELD = re.compile(r"(?<![\w.])input\.(?:action\b|(resource|principal)\.([A-Za-z_]\w*))(?!\s*\()")
_PART_OF_A_SET = re.compile(rf"(?<![\w.])({'|'.join(KINDS)})\s*[.\[]")


@dataclass(frozen=True, slots=True)
class Reads:
    """The fields of a question that policies look at: of what is to be done, and of who asks."""

    resource: frozenset[str] = frozenset()
    principal: frozenset[str] = frozenset()

    def plus(self, other: "Reads") -> "Reads":
        """Return what is looked at by either."""
        return Reads(self.resource | other.resource, self.principal | other.principal)


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

    def mentions(self, *names: str) -> bool:
        """Tell whether one of the names stands in the code, outside of texts and comments."""
        return re.search(rf"\b(?:{'|'.join(names)})\b", self._code()) is not None

    def reads(self) -> Reads | None:
        """Return the fields that the policy can look at; None: any.

        Told from the text, and only where each `input` in the code is followed by the name of a field: a policy has no
        other way to its question.
        """
        code = self._code()
        found = list(_FIELD.finditer(code))
        if len(found) < len(_INPUT.findall(code)):
            return None
        names = [(field[1], field[2]) for field in found]
        parts = (frozenset(name for part, name in names if part == kind) for kind in ("resource", "principal"))
        return Reads(*parts)

    def check_text(self) -> None:
        """Check what can be seen without compiling. Also done when stored policies are loaded.

        Raises:
            PolicyInvalid: The writer's fault; the message says what to change.
        """
        if not _NAME.match(self.name):
            raise PolicyInvalid("A policy's name is lower-case letters, digits and `_`, and begins with a letter.")
        if len(self.rego.encode()) > SOURCE_MAX_BYTES:
            raise PolicyInvalid(f"The source is longer than {SOURCE_MAX_BYTES} bytes.")
        if "\x00" in self.rego:
            raise PolicyInvalid("The source contains a NUL character.")
        if _CONTROL.search(self.rego):
            raise PolicyInvalid("The source contains a control character that is neither a tab nor the end of a line.")
        self._check_code(self._code())

    def _check_code(self, code: str) -> None:
        if strange := re.search(r"[\"`$\\]", code):
            raise PolicyInvalid(
                f"The source has a {strange[0]} outside of a text: an unclosed text, a wrong escape or `$`."
            )
        declared = found[1] if (found := _PACKAGE.match(code)) else None
        if declared != self.package:
            raise PolicyInvalid(f"The source must declare `package {self.package}`, it declares `{declared}`.")
        if reaching := _REACHES_OUT.search(code):
            raise PolicyInvalid(f"A policy may not use `{reaching[1]}`: opa, http and net reach out of the evaluation.")
        if part := _PART_OF_A_SET.search(code):
            raise PolicyInvalid(f"Parts of `{part[1]}` would never be asked: write `{part[1]} contains … if {{ … }}`.")
        if not self.mentions(*KINDS):
            raise PolicyInvalid(f"The source defines none of {', '.join(KINDS)}: it would never decide anything.")

    def _code(self) -> str:
        """Return the source with every comment and text replaced by `0`: what is left is names and signs."""
        return _TEXT_OR_COMMENT.sub(lambda found: "" if found[0].startswith("#") else "0", self.rego)
