"""JSON lines as record batches: by Arrow's reader, and line by line where that one gives up.

Arrow reads what it knows and says little of what it does not, such as NaN, a blank line or a row of
the wrong kind. A block that it cannot read is read again by Python, which can, or names the line.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.json as pj

from deepdistill.errors import InputError
from deepdistill.responses.published.columns import ROW, Wanted, wanted_columns

BLOCK = 16 * 1024 * 1024
"""Bytes that are read at a time; a longer line makes a longer block."""


def read_json_lines(path: Path, wanted: Wanted) -> Iterator[pa.RecordBatch]:
    """Yield the wanted columns of JSON lines; ``row`` is the number of the line.

    A name that ends in ``.gz`` or ``.zst`` says that the file is compressed. Blank lines are no
    rows. Raises :class:`InputError` naming a line that is not JSON or lacks a text.
    """
    first = 1
    with pa.input_stream(str(path)) as stream:
        for block in _blocks(stream):
            lines = block.count(b"\n") + (not block.endswith(b"\n"))
            yield _by_arrow(block, lines, wanted, path, first) or _by_line(
                block, wanted, path, first
            )
            first += lines


def _blocks(stream: pa.NativeFile) -> Iterator[bytes]:
    """Whole lines, as many as fit into a block."""
    rest: list[bytes] = []
    while chunk := stream.read(BLOCK):
        end = chunk.rfind(b"\n") + 1
        if end:
            yield b"".join([*rest, chunk[:end]])
            rest = []
        rest.append(chunk[end:])
    if last := b"".join(rest):
        yield last


def _by_arrow(
    block: bytes, lines: int, wanted: Wanted, path: Path, first: int
) -> pa.RecordBatch | None:
    """The rows of a block, or None if they are not one to a line or not what is wanted."""
    try:
        table = pj.read_json(
            pa.py_buffer(block),
            read_options=pj.ReadOptions(use_threads=False, block_size=len(block) + 1),
            parse_options=pj.ParseOptions(
                explicit_schema=_schema(wanted), unexpected_field_behavior="ignore"
            ),
        )
    except (pa.ArrowException, OverflowError):
        return None
    if table.num_rows != lines:
        return None
    (batch,) = table.combine_chunks().to_batches()
    return wanted_columns(batch, wanted, path, first, "line")


def _schema(wanted: Wanted) -> pa.Schema:
    tree: dict[str, Any] = {}
    for kind, names in ((pa.string(), wanted.texts), (pa.float64(), wanted.numbers)):
        for name in names.values():
            *parents, leaf = name.split(".")
            node = tree
            for parent in parents:
                node = node.setdefault(parent, {})
            node[leaf] = kind
    return pa.schema(_types(tree))


def _types(tree: dict[str, Any]) -> list[tuple[str, pa.DataType]]:
    return [
        (name, pa.struct(_types(kind)) if isinstance(kind, dict) else kind)
        for name, kind in tree.items()
    ]


def _by_line(block: bytes, wanted: Wanted, path: Path, first: int) -> pa.RecordBatch:
    rows = []
    for number, line in enumerate(block.split(b"\n"), first):
        if line.strip():
            place = f"{path}: line {number}"
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{place}: not JSON: {error}") from None
            values: dict[str, Any] = {c: _text(row, f, place) for c, f in wanted.texts.items()}
            values |= {c: _number(row, f, place) for c, f in wanted.numbers.items()}
            rows.append({**values, ROW: number})
    return pa.RecordBatch.from_pylist(rows, schema=wanted.schema)


def _text(row: Any, field: str, place: str) -> str:
    value = _value(row, field)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InputError(f"{place}: field {field!r}: found half of a character") from None
        return value
    raise InputError(f"{place}: field {field!r}: found {value!r}, allowed: a text")


def _number(row: Any, field: str, place: str) -> float | None:
    value = _value(row, field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{place}: field {field!r}: found {value!r}, allowed: a number or null")
    return float(value) if math.isfinite(value) else None


def _value(row: Any, field: str) -> Any:
    for name in field.split("."):
        row = row.get(name) if isinstance(row, dict) else None
    return row
