"""A table of the report, ready to be laid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Cells as text.

    caption: what the table is
    header: names of the columns
    rows: cells, as many in each row as there are columns
    text: number of leading columns that hold text; the others hold numbers, aligned right
    total: whether the last row is a total
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: int = 1
    total: bool = False

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.header) for row in self.rows), self.caption
