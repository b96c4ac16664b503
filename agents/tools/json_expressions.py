"""JMESPath expressions (https://jmespath.org/specification.html) of models, at a bounded cost.

An expression of a hundred characters can double a value thirty times: by `[@,@]`, which costs little until somebody
writes the value down or compares it, or by `join` and `[]`, which cost at once.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import jmespath
from jmespath import ast
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from jmespath.visitor import Options, TreeInterpreter

_WORK_MAX = 5_000_000  # characters, items and steps, all together
_WALKED: Final = frozenset({"contains", "to_string"})  # functions that walk through all that they are given


class ExpressionTooCostly(JMESPathError):
    """It makes more of the JSON than may be made of it."""


def json_search(expression: str, document: Any, *, timeout_seconds: float) -> Any:
    """Return what an expression finds in a JSON value.

    Raises:
        JMESPathError: It is none, or has the wrong types.
        ExpressionTooCostly: It takes too long or makes too much.
        RecursionError: It, or the value, is nested too deeply.
    """
    compiled = jmespath.compile(expression)
    budget = _Budget(time.monotonic() + timeout_seconds)
    found = _Interpreter(budget).visit(compiled.parsed, document)
    budget.take_whole(found)
    return found


class _Budget:
    """What one search may still do."""

    def __init__(self, ends_at_monotonic_seconds: float) -> None:
        self._ends_at = ends_at_monotonic_seconds
        self._left = _WORK_MAX

    def take(self, work: int) -> None:
        self._left -= work
        if self._left < 0 or time.monotonic() > self._ends_at:
            raise ExpressionTooCostly("it makes too much of the JSON, or takes too long. Select less, or use python")

    def take_whole(self, value: Any) -> None:
        """Take a value as whoever writes it down or compares it meets it: what is in it twice, twice."""
        open_ones = [value]
        while open_ones:
            one = open_ones.pop()
            self.take(1 + _length(one))
            if isinstance(one, Mapping):
                open_ones.extend(one.values())
            elif isinstance(one, list):
                open_ones.extend(one)


class _Functions(Functions):
    def __init__(self, budget: _Budget) -> None:
        self._budget = budget

    def call_function(self, function_name: str, resolved_args: Iterable[Any]) -> Any:
        """Call a function, if its arguments are not too much for it."""
        resolved_args = list(resolved_args)
        if function_name in _WALKED:
            self._budget.take_whole(resolved_args)
        if function_name == "join" and len(resolved_args) == 2 and isinstance(resolved_args[1], list):
            self._budget.take(sum(_length(resolved_args[0]) + _length(one) for one in resolved_args[1]))
        return super().call_function(function_name, resolved_args)


class _Interpreter(TreeInterpreter):
    def __init__(self, budget: _Budget) -> None:
        super().__init__(Options(custom_functions=_Functions(budget)))
        self._budget = budget

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        """Evaluate a part of the expression."""
        found = super().visit(node, *args, **kwargs)
        self._budget.take(1 + _length(found))
        return found

    def visit_flatten(self, node: Any, value: Any) -> Any:
        """Put lists in a list together, if that is not too long."""
        base = self.visit(node["children"][0], value)
        if isinstance(base, list):
            self._budget.take(sum(len(one) for one in base if isinstance(one, list)))
        again: Any = ast.flatten(ast.literal(base))
        return super().visit_flatten(again, value)

    def visit_comparator(self, node: Any, value: Any) -> Any:
        """Compare two values, if they are not too large for it."""
        sides = [self.visit(child, value) for child in node["children"]]
        self._budget.take_whole(sides)
        again: Any = ast.comparator(node["value"], *map(ast.literal, sides))
        try:
            return super().visit_comparator(again, value)
        except TypeError:
            return None  # a number is neither less nor more than a text


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | list | Mapping) else 0
