"""A safe evaluator of arithmetic expressions: it walks the syntax tree and knows numbers, nothing else.

Whole numbers and decimals are kept exact as fractions until a function leaves the rational numbers, so that
0.1 + 0.2 is 0.3. Every intermediate value is bounded, so no expression takes noticeable time or memory.
"""

import ast
import math
import operator
import statistics
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from agents.errors import ToolInputInvalid

Number = int | float | Fraction

_MAX_BITS: Final = 4096  # of a numerator or denominator: about 1,230 digits
_MAX_DEPTH: Final = 60
_MAX_CHARACTERS: Final = 2000
_MAX_FACTORIAL: Final = 450  # 450! just fits the bits
_MAX_ROUND_DIGITS: Final = 100
_CONSTANTS: Final[Mapping[str, float]] = {"pi": math.pi, "e": math.e, "tau": math.tau}


def evaluate(expression: str) -> int | float:
    """Return the value of an arithmetic expression.

    Raises:
        ToolInputInvalid: It is not arithmetic, has no real value, or would grow too large; the message says which.
    """
    if len(expression) > _MAX_CHARACTERS:
        raise ToolInputInvalid(f"The expression has more than {_MAX_CHARACTERS} characters.")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ToolInputInvalid(f"This is not an arithmetic expression: {error}.") from error
    try:
        value = _single(_value_of(tree.body, 0))
        return _plain(value)
    except ZeroDivisionError as error:
        raise ToolInputInvalid("The expression divides by zero.") from error
    except OverflowError as error:
        raise ToolInputInvalid("The result is too large.") from error
    except (ValueError, TypeError, statistics.StatisticsError) as error:
        raise ToolInputInvalid(f"The expression has no value: {error}.") from error


def _value_of(node: ast.expr, depth: int) -> Number | list[Number]:
    """Return a number, or a list of numbers for an argument of a function."""
    if depth > _MAX_DEPTH:
        raise ToolInputInvalid(f"The expression is nested more than {_MAX_DEPTH} levels deep.")
    handler = _NODES.get(type(node))
    if handler is None:
        raise ToolInputInvalid(f"{type(node).__name__} is not arithmetic; numbers, operators and functions are.")
    return handler(node, depth + 1)


def _single(value: Number | list[Number]) -> Number:
    if isinstance(value, list):
        raise ToolInputInvalid("A list is only allowed as the argument of a function such as sum or mean.")
    return value


def _bounded(value: Number) -> Number:
    """Return the value if it is real, finite and not too large."""
    if isinstance(value, complex):
        raise ToolInputInvalid("The result is not a real number.")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise OverflowError
        return value
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
        raise OverflowError
    return value


def _plain(value: Number) -> int | float:
    """Return an int where the value is whole and exact, else a float."""
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    return value


def _constant(node: Any, _: int) -> Number:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ToolInputInvalid(f"{type(value).__name__} is not a number.")
    if isinstance(value, float):
        _bounded(value)
        return Fraction(repr(value))
    return _bounded(value)


def _name(node: Any, _: int) -> Number:
    if node.id not in _CONSTANTS:
        raise ToolInputInvalid(f"There is no constant {node.id!r}; there are {', '.join(_CONSTANTS)}.")
    return _CONSTANTS[node.id]


def _sequence(node: Any, depth: int) -> list[Number]:
    return [_single(_value_of(item, depth)) for item in node.elts]


def _unary(node: Any, depth: int) -> Number:
    value = _single(_value_of(node.operand, depth))
    if isinstance(node.op, ast.USub):
        return -value
    if isinstance(node.op, ast.UAdd):
        return value
    raise ToolInputInvalid("Only + and - may stand before a number.")


def _binary(node: Any, depth: int) -> Number:
    steps = []
    while isinstance(node, ast.BinOp):  # 1 + 2 + 3 + … nests to the left: a long sum is not a deep one
        steps.append((_operation(node.op), node.right))
        node = node.left
    value = _single(_value_of(node, depth))
    for operate, right in reversed(steps):
        value = _bounded(operate(value, _single(_value_of(right, depth))))
    return value


def _operation(sign: ast.operator) -> Callable[[Any, Any], Number]:
    if isinstance(sign, ast.BitXor):
        raise ToolInputInvalid("^ is not a power here; write **.")
    operate = _OPERATORS.get(type(sign))
    if operate is None:
        raise ToolInputInvalid(f"The operator {type(sign).__name__} is not arithmetic.")
    return operate


def _call(node: Any, depth: int) -> Number:
    if not isinstance(node.func, ast.Name) or node.func.id not in _FUNCTIONS:
        raise ToolInputInvalid(f"There is no such function; there are {', '.join(sorted(_FUNCTIONS))}.")
    if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        raise ToolInputInvalid("Functions take plain arguments only.")
    arguments = [_value_of(argument, depth) for argument in node.args]
    return _bounded(_FUNCTIONS[node.func.id](arguments))


def _divide(left: Number, right: Number) -> Number:
    if isinstance(left, float) or isinstance(right, float):
        return left / right
    return Fraction(left) / Fraction(right)


def _power(base: Number, exponent: Number) -> Number:
    whole = _plain(exponent)
    if isinstance(base, float) or not isinstance(whole, int):
        return _bounded(float(base) ** float(exponent))
    size_bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if base not in (0, 1, -1) and size_bits * abs(whole) > 2 * _MAX_BITS:
        raise OverflowError
    return Fraction(base) ** whole


def _flat(arguments: Sequence[Number | list[Number]]) -> list[Number]:
    """Return the numbers of `f(1, 2)` and of `f([1, 2])` alike."""
    numbers: list[Number] = []
    for argument in arguments:
        numbers.extend(argument if isinstance(argument, list) else [argument])
    if not numbers:
        raise ToolInputInvalid("The function needs at least one number.")
    return numbers


def _of_floats(function: Callable[..., float]) -> Callable[[Sequence[Number | list[Number]]], Number]:
    return lambda arguments: function(*[float(_single(argument)) for argument in arguments])


def _of_numbers(function: Callable[..., Any]) -> Callable[[Sequence[Number | list[Number]]], Number]:
    return lambda arguments: function(*[_single(argument) for argument in arguments])


def _of_list(function: Callable[..., Any]) -> Callable[[Sequence[Number | list[Number]]], Number]:
    def apply(arguments: Sequence[Number | list[Number]]) -> Number:
        numbers = _flat(arguments)
        if any(isinstance(number, float) for number in numbers):
            return float(function([float(number) for number in numbers]))
        exact: Number = function([Fraction(number) for number in numbers])
        return exact

    return apply


def _of_whole_numbers(function: Callable[..., int]) -> Callable[[Sequence[Number | list[Number]]], Number]:
    def apply(arguments: Sequence[Number | list[Number]]) -> Number:
        numbers = [_plain(number) for number in _flat(arguments)]
        if not all(isinstance(number, int) for number in numbers):
            raise ToolInputInvalid("The function needs whole numbers.")
        return function(*numbers)

    return apply


def _factorial(number: int) -> int:
    if number > _MAX_FACTORIAL:
        raise OverflowError
    return math.factorial(number)


def _round(number: Number, digits: Number = 0) -> Number:
    places = _plain(digits)
    if not isinstance(places, int) or abs(places) > _MAX_ROUND_DIGITS:
        raise ToolInputInvalid(f"round takes a whole number of digits, at most {_MAX_ROUND_DIGITS}.")
    return round(number, places) if isinstance(number, float) else round(Fraction(number), places)


_OPERATORS: Final[Mapping[type[ast.operator], Callable[[Any, Any], Number]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _divide,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
_NODES: Final[Mapping[type[ast.expr], Callable[[Any, int], Number | list[Number]]]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.UnaryOp: _unary,
    ast.BinOp: _binary,
    ast.Call: _call,
}
_FUNCTIONS: Final[Mapping[str, Callable[[Sequence[Number | list[Number]]], Number]]] = {
    **{
        name: _of_floats(getattr(math, name))
        for name in (
            "sqrt",
            "cbrt",
            "log",
            "log2",
            "log10",
            "exp",
            "sin",
            "cos",
            "tan",
            "asin",
            "acos",
            "atan",
            "atan2",
            "degrees",
            "radians",
            "hypot",
            "sinh",
            "cosh",
            "tanh",
        )
    },
    "ln": _of_floats(math.log),
    "abs": _of_numbers(abs),
    "floor": _of_numbers(math.floor),
    "ceil": _of_numbers(math.ceil),
    "round": _of_numbers(_round),
    "pow": _of_numbers(_power),
    "min": _of_list(min),
    "max": _of_list(max),
    "sum": _of_list(sum),
    "mean": _of_list(statistics.mean),
    "median": _of_list(statistics.median),
    "stdev": _of_list(statistics.stdev),
    "pstdev": _of_list(statistics.pstdev),
    "variance": _of_list(statistics.variance),
    "factorial": _of_whole_numbers(_factorial),
    "gcd": _of_whole_numbers(math.gcd),
    "lcm": _of_whole_numbers(math.lcm),
}
