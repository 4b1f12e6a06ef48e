"""The rows of a shard that a server answers."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from chat_server import (
    PATIENCE,
    Answer,
    Server,
    answered,
    generate,
)
from deepdistill.files import sha256_file


def test_the_order_in_which_responses_come_does_not_change_the_shard(
    server: Server, tmp_path: Path
) -> None:
    delays = {f"{i}+1": 0.02 * i for i in range(6)}

    def answer(asked: dict[str, Any], headers: Any) -> Answer:
        question = asked["messages"][-1]["content"]
        time.sleep(delays[question])
        return answered(f"answer to {question}")

    server.answer = answer
    generate(server, tmp_path / "a", 6)
    delays = {question: 0.1 - delay for question, delay in delays.items()}
    generate(server, tmp_path / "b", 6, concurrency=5)
    files = [tmp_path / name / "rows.parquet" for name in "ab"]
    assert sha256_file(files[0]) == sha256_file(files[1])


def test_a_server_that_has_moved_keeps_all_rows(server: Server, tmp_path: Path) -> None:
    rows = generate(server, tmp_path, 5)
    moved = {"url": "http://127.0.0.1:9/v1", "concurrency": 1, "requests_per_minute": 1}
    more = {"api_key_env": "OTHER", "limit_field": "max_completion_tokens", "timeout_s": 1}
    assert generate(server, tmp_path, 5, **moved, **more) == rows
    assert len(server.asked) == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_finished_when_the_job_is_ended_is_kept(
    server: Server, tmp_path: Path, number: int
) -> None:
    hold = threading.Event()

    def answer(asked: dict[str, Any], headers: Any) -> Answer:
        with server.lock:
            last = len(server.asked) == 6
        if last:
            threading.Timer(2.0, os.kill, (os.getpid(), number)).start()
            hold.wait(PATIENCE)
        return answered()

    server.answer = answer
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            generate(server, tmp_path, 20, concurrency=1)
    finally:
        hold.set()
    assert signal.getsignal(signal.SIGTERM) == before
    parts = [*tmp_path.glob("rows.parts/*.parquet")]
    assert sum(pq.read_metadata(path).num_rows for path in parts) == 5
