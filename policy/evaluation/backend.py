"""Rego by rego-cpp. Only this file and `exchange.py` import regopy.

What was found out about regopy 1.5.2, and holds this file together: a prepared bundle answers some twenty times
faster than an unprepared query; interpreters are independent of each other, but one must not be used by two threads
at once (calls release the GIL); querying a bundle that is not `ok()` kills the process; a failing built-in counts as
undefined unless strict errors are on; errors of evaluation come back as an output that is not ok or is not JSON.
"""

import os
from collections.abc import Sequence
from queue import LifoQueue
from typing import Any

from regopy import Interpreter, RegoError
from regopy.rego_shared import LogLevel, rego_bundle_query_entrypoint

from policy.errors import PolicyFailed, PolicyInvalid
from policy.evaluation.combine import Contribution
from policy.evaluation.exchange import Answer, Question
from policy.evaluation.source import EMPTY_RULES, KINDS, PolicySource, Reads
from policy.types import Action

EVALUATORS_MAX = max(2, min(4, os.cpu_count() or 2))  # an evaluation is pure CPU; each evaluator takes about 1.5 MB
_DECISION_PACKAGE = "decision"
_ACTIONS_ENTRYPOINT = f"{_DECISION_PACKAGE}/actions"
_KINDS_ENTRYPOINT = f"{_DECISION_PACKAGE}/kinds"


class CompiledPolicies:
    """A set of policies that was compiled once and answers from any thread.

    `reads`: the fields of a question that any of them can look at; None: all.
    """

    def __init__(self, sources: Sequence[PolicySource]) -> None:
        """Compile.

        Raises:
            PolicyInvalid: A source does not compile, or does not answer; the message says which.
        """
        self._sources = tuple(sorted(sources, key=lambda source: source.package))
        for source in self._sources:
            source.check_text()
        self.reads = _reads_of(self._sources)
        self._policies_of = self._read_actions()
        defined = self._read_kinds()
        self._is_complete = defined is not None
        self._plan = {
            action: [(source, kind) for source in policies for kind in (defined[source] if defined else KINDS)]
            for action, policies in self._policies_of.items()
        }
        self._module = self._decision_module()
        self._free: LifoQueue[_Evaluator | None] = LifoQueue()
        for _ in range(EVALUATORS_MAX - 1):
            self._free.put(None)  # made when there is a second thread that needs it
        self._free.put(self._made())

    @property
    def versions(self) -> dict[str, int]:
        """Version of each policy by its name."""
        return {source.label: source.version for source in self._sources}

    def versions_for(self, action: Action) -> dict[str, int]:
        """Version of each policy that is asked about the action."""
        return {source.label: source.version for source in self._policies_of[action]}

    def contributions(self, action: Action, question: dict[str, Any]) -> list[Contribution]:
        """Ask every policy that wants to be asked about the action. What it leaves empty is left out.

        Args:
            action: What is to be done.
            question: The `input` document, made by `document()`.

        Raises:
            PolicyFailed: A policy could not be evaluated or gave no answer.
        """
        plan = self._plan[action]
        if not plan:
            return []
        evaluator = self._free.get()
        try:
            if evaluator is None:
                evaluator = self._made()
            answer = evaluator.ask(_entrypoint(action), question)
        finally:
            self._free.put(evaluator)
        if not isinstance(answer, list) or len(answer) != len(plan):
            raise PolicyFailed("A policy gave no answer: one of its rules is undefined.")
        return [
            Contribution(source.label, kind, tuple(found))
            for (source, kind), values in zip(plan, answer, strict=True)
            if (found := _values(source, kind, values))
        ]

    def _made(self) -> "_Evaluator":
        return _Evaluator(self._sources, self._module, has_empty_rules=not self._is_complete)

    def _read_actions(self) -> dict[Action, list[PolicySource]]:
        """Ask each policy for its constant `actions`."""
        policies: dict[Action, list[PolicySource]] = {action: [] for action in Action}
        asked = ", ".join(f"[value | value := data.{source.package}.actions]" for source in self._sources)
        module = f"package {_DECISION_PACKAGE}\nimport rego.v1\nactions := [{asked}]"
        answers = _Evaluator(self._sources, module, [_ACTIONS_ENTRYPOINT]).ask(_ACTIONS_ENTRYPOINT, {})
        if not isinstance(answers, list) or len(answers) != len(self._sources):
            raise PolicyInvalid("The policies do not say which actions they want to be asked about.")
        for source, found in zip(self._sources, answers, strict=True):
            # Undefined means all; but then the name must not stand there, or a condition would have made it undefined.
            wanted: Any = list(Action) if not found and not source.mentions("actions") else (found or [None])[0]
            if (
                not isinstance(wanted, list)
                or not wanted
                or any(action not in set(Action) for action in map(str, wanted))
            ):
                raise PolicyInvalid(f"{source.label}: `actions` must be a set of {', '.join(Action)}, it is {wanted}.")
            for action in wanted:
                policies[Action(action)].append(source)
        return policies

    def _read_kinds(self) -> dict[PolicySource, list[str]] | None:
        """Ask which sets each policy defines; None: a policy could not say.

        A set is defined whatever the question is, so one question tells; what is not defined need never be asked for.
        That each of them is a set was seen when the constants were read, beside the empty rules.
        """
        names = [(source, kind) for source in self._sources for kind in KINDS]
        asked = ", ".join(f"[1 | _ = data.{source.package}.{kind}]" for source, kind in names)
        module = f"package {_DECISION_PACKAGE}\nimport rego.v1\nkinds := [{asked}]"
        try:
            evaluator = _Evaluator(self._sources, module, [_KINDS_ENTRYPOINT], has_empty_rules=False)
            answers = evaluator.ask(_KINDS_ENTRYPOINT, {})
        except (PolicyFailed, PolicyInvalid):
            return None
        if not isinstance(answers, list) or len(answers) != len(names):
            return None
        defined: dict[PolicySource, list[str]] = {source: [] for source in self._sources}
        for (source, kind), found in zip(names, answers, strict=True):
            if found:
                defined[source].append(kind)
        return defined

    def _decision_module(self) -> str:
        """Return a module with one rule per action: an array of the sets in the order of the plan."""
        lines = [f"package {_DECISION_PACKAGE}", "import rego.v1"]
        for action, plan in self._plan.items():
            sets = ", ".join(f"data.{source.package}.{kind}" for source, kind in plan)
            lines.append(f"{_rule(action)} := [{sets}]")
        return "\n".join(lines)


class _Evaluator:
    """One interpreter with one prepared bundle; used by one thread at a time."""

    def __init__(
        self,
        sources: Sequence[PolicySource],
        module: str,
        entrypoints: Sequence[str] | None = None,
        *,
        has_empty_rules: bool = True,
    ) -> None:
        self._interpreter = Interpreter()
        self._interpreter.log_level = LogLevel.NONE
        self._interpreter.strict_built_in_errors = True
        for source in sources:
            try:
                self._interpreter.add_module(f"{source.label}.rego", source.rego)
            except RegoError as error:
                raise PolicyInvalid(f"{source.label} does not parse: {error}") from error
        try:
            for source in sources if has_empty_rules else ():
                empty = f"package {source.package}\nimport rego.v1\n{EMPTY_RULES}"
                self._interpreter.add_module(f"{source.label}.empty.rego", empty)
            self._interpreter.add_module("decision.rego", module)
            self._bundle = self._interpreter.build(None, entrypoints or [_entrypoint(action) for action in Action])
        except RegoError as error:
            raise PolicyInvalid(f"The policies do not compile together: {error}") from error
        if not self._bundle.ok():  # a query of it would end the process
            names = ", ".join(KINDS)
            raise PolicyInvalid(
                f"The policies do not compile together: a rule was defined in two ways. {names} must be sets: "
                "write `deny contains … if { … }`."
            )

    def ask(self, entrypoint: str, question: dict[str, Any]) -> Any:
        """Return the value of an entrypoint for an input; None when it is undefined."""
        try:
            self._interpreter.set_input(Question(question))
            output = rego_bundle_query_entrypoint(self._interpreter._impl, self._bundle._impl, entrypoint)
        except (RegoError, ValueError) as error:  # ValueError: the library's own error text was not UTF-8
            raise PolicyFailed(
                "A policy failed while it was evaluated.", details={"cause": str(error)[:500]}
            ) from error
        return Answer(output).value()


def _reads_of(sources: Sequence[PolicySource]) -> Reads | None:
    """Return what any of the policies looks at; each may call the rules of all others."""
    together = Reads()
    for source in sources:
        reads = source.reads()
        if reads is None:
            return None
        together = together.plus(reads)
    return together


def _values(source: PolicySource, kind: str, values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise PolicyFailed(f"{source.label}.{kind} must be a set: write `{kind} contains … if {{ … }}`.")
    return values


def _rule(action: Action) -> str:
    return action.value.replace(".", "_")


def _entrypoint(action: Action) -> str:
    return f"{_DECISION_PACKAGE}/{_rule(action)}"
