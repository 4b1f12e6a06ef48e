"""Seeing every row that jobs write, also those that are gone when they have finished."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pyarrow.parquet as pq


class Watch:
    """Keeps a second name for the part files, since a finished job removes them.

    A job's last one it may miss, which is gone at once.
    """

    def __init__(self, folder: Path, teacher: str) -> None:
        self._responses = folder / "results" / "responses" / teacher
        self._kept = folder / f"kept-{teacher}"
        self._kept.mkdir()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.02):
            for path in self._responses.glob("*.parts/*.parquet"):
                if path.name.startswith("."):
                    continue
                name = f"{path.parent.stem}.{path.stat().st_ino}.parquet"
                if not (self._kept / name).exists():
                    os.link(path, self._kept / name)

    def places(self, shard: str) -> list[tuple[str, int]]:
        """Return query and pass of the rows that were written, as often as they were."""
        rows = []
        for path in self._kept.glob(f"{shard}.*.parquet"):
            table = pq.read_table(path, columns=["query_id", "pass"]).to_pydict()
            rows += zip(table["query_id"], table["pass"], strict=True)
        return rows
