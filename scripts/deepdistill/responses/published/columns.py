"""The columns that are read of published rows, whatever the format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from deepdistill.errors import InputError

ROW = "row"


@dataclass(frozen=True)
class Wanted:
    """Fields to read, by the name of the column that they become; dots lead into objects.

    texts: fields that hold a text in every row
    numbers: fields that hold a number, or null, or are missing
    """

    texts: Mapping[str, str]
    numbers: Mapping[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> list[str]:
        """All fields."""
        return [*self.texts.values(), *self.numbers.values()]

    @property
    def schema(self) -> pa.Schema:
        """The columns: large_string, double, and the number of the row in its file (int64)."""
        columns = dict.fromkeys(self.texts, pa.large_string())
        columns |= dict.fromkeys(self.numbers, pa.float64())
        return pa.schema([*columns.items(), (ROW, pa.int64())])


def wanted_columns(
    batch: pa.RecordBatch, wanted: Wanted, path: Path, first: int, word: str = "row"
) -> pa.RecordBatch:
    """Return the wanted columns of a batch as a file has it.

    ``first`` is the number of its first row, 1-based. Raises :class:`InputError` naming the first
    row without a text (by ``word`` and number), or the field that the batch has not.
    """
    columns = []
    for name in wanted.texts.values():
        column = _found(batch, name)
        if column is None:
            found = ", ".join(batch.schema.names)
            raise InputError(f"{path}: field {name!r}: missing; found {found}")
        columns.append(_texts(column, name, path, first, word))
    for name in wanted.numbers.values():
        columns.append(_numbers(_found(batch, name), name, path, len(batch)))
    rows = pa.array(range(first, first + len(batch)), pa.int64())
    return pa.record_batch([*columns, rows], schema=wanted.schema)


def _found(batch: pa.RecordBatch, name: str) -> pa.Array | None:
    """The column of a field: of that very name, or where dots lead to."""
    if name in batch.schema.names:
        return batch.column(name)
    first, *parts = name.split(".")
    column = batch.column(first) if first in batch.schema.names else None
    for part in parts:
        if column is None or not pa.types.is_struct(column.type):
            return None
        known = column.type.get_field_index(part) >= 0
        column = pc.struct_field(column, part) if known else None
    return column


def _texts(column: pa.Array, name: str, path: Path, first: int, word: str) -> pa.Array:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    strings = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if not any(is_kind(kind) for is_kind in (*strings, pa.types.is_null)):
        raise InputError(f"{path}: field {name!r}: found {column.type}, allowed: texts")
    texts = column.cast(pa.large_string())
    if texts.null_count:
        row = first + pc.index(texts.is_null(), True).as_py()
        raise InputError(f"{path}: {word} {row}: field {name!r}: found None, allowed: a text")
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        row = first + _undecodable(texts)
        raise InputError(f"{path}: {word} {row}: field {name!r}: found no UTF-8") from None
    return texts


def _undecodable(texts: pa.Array) -> int:
    """The position of the first text that is not UTF-8."""
    for position, text in enumerate(texts.view(pa.large_binary()).to_pylist()):
        try:
            text.decode()
        except UnicodeDecodeError:
            return position
    raise ValueError("all texts are UTF-8")


def _numbers(column: pa.Array | None, name: str, path: Path, rows: int) -> pa.Array:
    """The numbers, with null for what is none, such as the NaN of a float column."""
    if column is None:
        return pa.nulls(rows, pa.float64())
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    if not any(is_kind(column.type) for is_kind in kinds):
        raise InputError(f"{path}: field {name!r}: found {column.type}, allowed: numbers")
    numbers = column.cast(pa.float64(), safe=False)
    return pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))
