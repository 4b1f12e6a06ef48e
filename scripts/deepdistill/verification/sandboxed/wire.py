"""Values as JSON lines between the program and its tests.

Only plain values of Python's own types travel; they are rebuilt as exactly those types, whatever
the program made of them, so that no method of the program's can run where the tests are. Anything
else stays where it is and is known to the other side by a number.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

MAX_DEPTH = 200
MAX_LINE = 64 * 1024**2

_CONTAINERS: tuple[type, ...] = (list, tuple, set, frozenset, deque)
_TYPES: dict[str, type] = {
    kind.__name__: kind
    for kind in (int, float, complex, bool, str, bytes, list, tuple, set, frozenset, dict, object)
}
_BY_NAME: dict[str, type] = {kind.__name__: kind for kind in _CONTAINERS}


def encode(value: Any, reference: Callable[[Any], Any], depth: int = 0) -> Any:
    """Return ``value`` as what JSON can hold.

    ``reference(value)`` is asked for what stands for a value that is not plain. A subclass of a
    plain type travels as that type.
    """
    if depth > MAX_DEPTH:
        raise RecursionError(f"a value is nested more than {MAX_DEPTH} deep")
    if value is None or value is True or value is False:
        return value
    kind = type(value)
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, int):
        return ["int", int.__repr__(value)]
    if issubclass(kind, float):
        return ["float", float.hex(value)]
    if issubclass(kind, complex):
        return ["complex", float.hex(value.real), float.hex(value.imag)]
    if issubclass(kind, bytes | bytearray):
        return ["bytes" if issubclass(kind, bytes) else "bytearray", bytes(value).hex()]
    if kind is Decimal or kind is Fraction:
        return [kind.__name__, str(value)]
    if kind is type and value in _TYPES.values():
        return ["type", value.__name__]
    if kind is range:
        return ["range", value.start, value.stop, value.step]
    for container in _CONTAINERS:
        if issubclass(kind, container):
            items = container.__iter__(value)  # type: ignore[attr-defined]
            return [container.__name__, [encode(item, reference, depth + 1) for item in items]]
    if issubclass(kind, dict):
        pairs = dict.items(value)
        return ["dict", [[encode(part, reference, depth + 1) for part in p] for p in pairs]]
    return ["reference", reference(value)]


def decode(data: Any, resolve: Callable[[Any], Any]) -> Any:
    """Return the value that :func:`encode` wrote; ``resolve`` reads what stands for the others."""
    if not isinstance(data, list):
        return data
    kind, *parts = data
    if kind == "reference":
        return resolve(parts[0])
    if kind == "dict":
        return {decode(key, resolve): decode(value, resolve) for key, value in parts[0]}
    if kind in _BY_NAME:
        return _BY_NAME[kind](decode(item, resolve) for item in parts[0])
    return _SCALARS[kind](*parts)


_SCALARS: dict[str, Callable[..., Any]] = {
    "int": int,
    "float": float.fromhex,
    "complex": lambda real, imag: complex(float.fromhex(real), float.fromhex(imag)),
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "Decimal": Decimal,
    "Fraction": Fraction,
    "range": range,
    "type": _TYPES.__getitem__,
}


class Channel:
    """Messages over standard input and output, a line of JSON each.

    The code that runs here afterwards is left with an empty input and with outputs that are thrown
    away.
    """

    def __init__(self) -> None:
        self._in = os.fdopen(os.dup(0), "rb")
        self._out = os.fdopen(os.dup(1), "wb")
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)

    def send(self, message: Any) -> None:
        """Send one message."""
        self._out.write(json.dumps(message).encode() + b"\n")
        self._out.flush()

    def receive(self) -> Any:
        """Return the next message; raises EOFError if the other side is gone."""
        line = self._in.readline(MAX_LINE)
        if not line.endswith(b"\n"):
            raise EOFError("the program ended")
        return json.loads(line)
