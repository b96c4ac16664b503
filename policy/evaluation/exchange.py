"""How values get into rego-cpp and out of it.

regopy's own way is neither fast enough nor safe. rego-cpp keeps texts in their JSON-escaped form, but `regopy.Input`
hands them over unescaped: a rule that compares with a text that holds a quote, a backslash or a line break then never
fires, and such a text, quoted in a reason, breaks out of the JSON that `regopy.Output` reads: a model could write a
tool argument that turns a denial into an allow. So texts go in escaped, and answers are read from the library's
nodes, not from its JSON.
"""

import ctypes
import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from regopy import Input
from regopy.rego_shared import NodeKind, rego, rego_new_input

from policy.errors import PolicyFailed

_held = ctypes.PyDLL(rego._name)


def _short(name: str) -> Callable[..., Any]:
    """Return a function of the library that is called without letting go of the interpreter's lock.

    These take less time than to give the lock back and get it again, and there are a hundred of them to a decision. The
    evaluation itself lets go of it.
    """
    own, function = getattr(rego, name), getattr(_held, name)
    function.argtypes, function.restype = own.argtypes, own.restype
    short: Callable[..., Any] = function
    return short


_push_text: Callable[[Any, bytes], int] = _short("regoInputString")
_push_integer: Callable[[Any, int], int] = _short("regoInputInt")
_push_real: Callable[[Any, float], int] = _short("regoInputFloat")
_push_truth: Callable[[Any, bool], int] = _short("regoInputBoolean")
_push_null: Callable[[Any], int] = _short("regoInputNull")
_push_item: Callable[[Any], int] = _short("regoInputObjectItem")
_push_object: Callable[[Any, int], int] = _short("regoInputObject")
_push_array: Callable[[Any, int], int] = _short("regoInputArray")

_kind: Callable[[Any], int] = _short("regoNodeType")
_size: Callable[[Any], int] = _short("regoNodeSize")
_child: Callable[[Any, int], Any] = _short("regoNodeGet")
_value_bytes: Callable[[Any], int] = _short("regoNodeValueSize")
_value_into: Callable[[Any, Any, int], int] = _short("regoNodeValue")
_REMEMBERED_CHARACTERS = 64  # names of fields, models and tools come again and again
_WRAPPERS = frozenset({int(NodeKind.Term), int(NodeKind.Scalar)})
_LISTS = frozenset({int(NodeKind.Array), int(NodeKind.Set)})
_OBJECT = int(NodeKind.Object)
_SCALARS: dict[int, Callable[[str], Any]] = {
    int(NodeKind.String): lambda text: json.loads(f'"{text}"') if "\\" in text else text,
    int(NodeKind.Int): int,
    int(NodeKind.Float): float,
    int(NodeKind.True_): lambda _: True,
    int(NodeKind.False_): lambda _: False,
    int(NodeKind.Null): lambda _: None,
}


Push = tuple[Callable[..., int], tuple[Any, ...]]
"""A call of the library that puts one part of a value on its stack: what, and with what besides the target."""


class Prepared(dict[str, Any]):
    """A part of many questions, such as who asks: how it is handed over is worked out once. Not changed afterwards."""

    def __init__(self, value: dict[str, Any]) -> None:
        """Prepare what `document()` returned."""
        super().__init__(value)
        self.pushes = tuple(_pushes(value))


class Question(Input):  # type: ignore[misc]
    """The `input` of one evaluation; give it what `document()` returned."""

    def __init__(self, value: dict[str, Any]) -> None:
        """Build it.

        Raises:
            PolicyFailed: The library refused a value.
        """
        self._impl = rego_new_input()  # freed by the base class, also when what follows fails
        if _push(self._impl, value):
            raise PolicyFailed("The policies could not be asked: the Rego library refused the question.")


class Answer:
    """The value of one entrypoint; frees the library's output when it goes."""

    def __init__(self, output: Any) -> None:
        """Take over an output of `regoBundleQueryEntrypoint`."""
        self._output = output

    def __del__(self) -> None:
        rego.regoFreeOutput(self._output)

    def value(self) -> Any:
        """Return the value as JSON (sets as lists); None when it is undefined.

        Raises:
            PolicyFailed: The evaluation failed.
        """
        root = rego.regoOutputNode(self._output)
        if root and _kind(root) == NodeKind.Undefined:
            return None
        # regoOutputOk is true for some errors, and reading expressions of those ends the process: look at the kind.
        if not root or not rego.regoOutputOk(self._output) or _kind(root) != NodeKind.Results:
            raise PolicyFailed("A policy failed while it was evaluated.", details={"cause": _problem(root)})
        try:
            return _read(_first(_first(_first(root))))  # the only result; its terms; the only term
        except ValueError as error:
            raise PolicyFailed("A policy gave a value that cannot be read.", details={"cause": str(error)}) from error


def _push(target: Any, value: Any) -> int:
    """Push a value on the library's stack. Returns 0, or another number when the library refused a part of it."""
    if isinstance(value, str):
        return _push_text(target, _escaped(value))
    refused = 0
    if isinstance(value, Prepared):
        for push, arguments in value.pushes:
            refused |= push(target, *arguments)
    elif isinstance(value, dict):
        for key, inner in value.items():
            refused |= _push_text(target, _escaped(key)) | _push(target, inner) | _push_item(target)
        refused |= _push_object(target, len(value))
    elif isinstance(value, list):
        for inner in value:
            refused |= _push(target, inner)
        refused |= _push_array(target, len(value))
    else:
        push, arguments = _push_of_scalar(value)
        refused = push(target, *arguments)
    return refused


def _pushes(value: Any) -> Iterator[Push]:
    """Yield the calls that push a value, in their order."""
    if isinstance(value, str):
        yield _push_text, (_escaped(value),)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield _push_text, (_escaped(key),)
            yield from _pushes(inner)
            yield _push_item, ()
        yield _push_object, (len(value),)
    elif isinstance(value, list):
        for inner in value:
            yield from _pushes(inner)
        yield _push_array, (len(value),)
    else:
        yield _push_of_scalar(value)


def _push_of_scalar(value: Any) -> Push:
    if value is None:
        return _push_null, ()
    if isinstance(value, bool):
        return _push_truth, (value,)
    return (_push_integer, (value,)) if isinstance(value, int) else (_push_real, (value,))


def _escaped(text: str) -> bytes:
    return _escaped_before(text) if len(text) <= _REMEMBERED_CHARACTERS else _escape(text)


def _escape(text: str) -> bytes:
    return encode_basestring(text)[1:-1].encode()


_escaped_before = lru_cache(maxsize=2_000)(_escape)


def _read(node: Any) -> Any:
    kind = _kind(node)
    while kind in _WRAPPERS:
        node = _child(node, 0)
        kind = _kind(node)
    if (scalar := _SCALARS.get(kind)) is not None:
        return scalar(_text(node))
    if kind in _LISTS:
        return [_read(_child(node, index)) for index in range(_size(node))]
    if kind == _OBJECT:
        items = [_child(node, index) for index in range(_size(node))]
        return {str(_read(_child(item, 0))): _read(_child(item, 1)) for item in items}
    raise ValueError(f"node kind {kind}")


def _first(node: Any) -> Any:
    if not _size(node):
        raise ValueError("an empty result")
    return _child(node, 0)


def _text(node: Any) -> str:
    size = _value_bytes(node)
    buffer = ctypes.create_string_buffer(size)
    _value_into(node, buffer, size)
    return buffer.value.decode()


def _problem(node: Any) -> str:
    """Return the library's message in an error node, as far as there is one."""
    if not node:
        return "no output"
    if _kind(node) == NodeKind.ErrorMessage:
        return _text(node)[:500]
    children = (_child(node, index) for index in range(_size(node)))
    return next((found for child in children if (found := _problem(child))), "")
