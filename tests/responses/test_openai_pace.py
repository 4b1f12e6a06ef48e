"""How many requests a server gets at a time and in a minute."""

from __future__ import annotations

import threading
import time
from typing import Any

from chat_server import (
    PATIENCE,
    Answer,
    Server,
    answered,
    at_first,
    complete,
    failed,
    one,
    requests,
)


def test_as_many_requests_as_allowed_are_under_way_and_never_more(server: Server) -> None:
    barrier = threading.Barrier(4, timeout=PATIENCE)

    def answer(asked: dict[str, Any], headers: Any) -> Answer:
        barrier.wait()  # until four are there
        return answered()

    server.answer = answer
    completions = complete(server, requests(12), concurrency=4)
    assert {c.finish_reason for c in completions} == {"stop"}
    assert server.most_at_once == 4


def test_the_server_says_how_long_to_wait(server: Server) -> None:
    at_first(server, failed(429, **{"Retry-After": "0.5"}))
    assert one(server).finish_reason == "stop"
    (first, _), (second, _) = server.asked
    assert second - first >= 0.5


def test_the_rate_of_requests_is_kept_and_retries_count(server: Server) -> None:
    at_first(server, failed(500))
    started = time.monotonic()
    complete(server, requests(4), requests_per_minute=600, concurrency=1)
    # Three pauses of a tenth of a second, and those for the first three's retries.
    assert time.monotonic() - started >= 0.6
    assert len(server.asked) == 8


def test_the_rate_of_tokens_is_kept(server: Server) -> None:
    started = time.monotonic()
    complete(server, requests(5), tokens_per_minute=60 * 150, concurrency=1, max_tokens=83)
    # The first one could need 150 tokens (67 of the prompt); each turns out to need 15.
    assert time.monotonic() - started >= 4 * 0.1
