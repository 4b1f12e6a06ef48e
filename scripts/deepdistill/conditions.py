"""Conditions and orders of the configuration: SQL over the columns that a row of a table has."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa

from deepdistill.errors import InputError

_TABLE = "measured"

MEMORY = "1GB"
"""What a database may take before it uses the disk."""


def database(threads: int = 1) -> duckdb.DuckDBPyConnection:
    """Open a database in memory; to be closed as a context manager."""
    return duckdb.connect(config={"threads": threads, "memory_limit": MEMORY})


def require_condition(key: str, condition: str, table: pa.Table) -> None:
    """Raise :class:`InputError` naming ``key`` if it is none over the columns of ``table``."""
    _require(key, condition, table, check_condition, "a condition")


def require_order(key: str, order: str, table: pa.Table) -> None:
    """Raise the same unless ``order`` is a list of expressions, each with ASC or DESC or not."""
    _require(key, order, table, _check_order, "an order")


def _require(
    key: str, found: str, table: pa.Table, check: Callable[[str, pa.Table], None], what: str
) -> None:
    try:
        check(found, table)
    except ValueError as error:
        columns = ", ".join(table.column_names)
        raise InputError(
            f"config: {key}: found {found!r}: {error}; allowed: {what} over the columns {columns}"
        ) from None


@cache
def columns_of(condition: str) -> tuple[str, ...]:
    """Return the names of the columns in a condition, in lower case and order of appearance.

    Raises :class:`ValueError` with the reason in one line if it is no SQL, or looks at more than
    the columns of one row by their names.
    """
    statement = _statement(condition)
    with database() as connection:
        row = connection.execute("SELECT json_serialize_sql(?)", [statement]).fetchone()
    assert row is not None
    parsed = json.loads(row[0])
    if parsed["error"]:
        raise ValueError(parsed["error_message"].splitlines()[0])
    if len(parsed["statements"]) != 1:
        raise ValueError("it is more than one statement")
    names = []
    for node in _nodes(parsed["statements"][0]["node"]["where_clause"]):
        if node["class"] in ("SUBQUERY", "STAR"):
            raise ValueError("it looks at more than named columns of one row")
        if node["class"] == "COLUMN_REF":
            names.append(node["column_names"][-1].lower())
    return tuple(dict.fromkeys(names))


def check_condition(condition: str, table: pa.Table) -> None:
    """Raise :class:`ValueError` with one line unless it is a condition over ``table``'s columns."""
    known = [name.lower() for name in table.column_names]
    for name in columns_of(condition):
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise ValueError(f"unknown column {name}{hint}")
    _try(_statement(condition), table)


def _check_order(order: str, table: pa.Table) -> None:
    _try(f"SELECT 1 FROM {_TABLE} ORDER BY {order}\n", table)


def _try(query: str, table: pa.Table) -> None:
    # A row of nulls shows what is wrong with an expression itself, such as n = 'many'.
    nulls = pa.table({field.name: pa.nulls(1, field.type) for field in table.schema})
    with database() as opened:
        opened.register(_TABLE, nulls)
        try:
            opened.execute(query)
        except duckdb.Error as error:
            raise ValueError(str(error).splitlines()[0]) from None


def truth(key: str, condition: str, table: pa.Table) -> dict[str, bool | None]:
    """Return query_id → whether the condition holds for the row, None where it is undefined.

    ``table`` has a row for each query. Raises :class:`InputError` that names ``key``, that of the
    configuration, if the condition cannot be evaluated for some row.
    """
    with database() as connection:
        connection.register(_TABLE, table)
        try:
            query = f"SELECT query_id, ({condition}\n)::BOOLEAN FROM {_TABLE}"
            return dict(connection.execute(query).fetchall())
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"config: {key}: found {condition!r}: {reason}") from None


def _statement(condition: str) -> str:
    # The line break ends a comment that the condition may end with.
    return f"SELECT 1 FROM {_TABLE} WHERE ({condition}\n)"


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every expression of a parsed condition."""
    if isinstance(value, dict):
        if "class" in value:
            yield value
        for child in value.values():
            yield from _nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from _nodes(child)
