from __future__ import annotations

import logging
import time

import pytest

from deepdistill.progress import Progress


def lines(caplog: pytest.LogCaptureFixture, *steps: tuple[float, int, int]) -> list[str]:
    """What is logged for updates at a time (seconds) with rows and tokens, of 100 rows."""
    now = 0.0
    with caplog.at_level(logging.INFO), Progress(100, logging.getLogger("job"), lambda: now) as it:
        for when, rows, tokens in steps:
            now = when
            it.update(rows, tokens)
    return [record.getMessage() for record in caplog.records]


def test_a_line_a_minute_says_rows_tokens_per_second_and_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = lines(caplog, (30, 10, 5000), (60, 10, 7000), (90, 20, 0), (119, 10, 0))
    end = time.strftime("%Y-%m-%d %H:%M", time.localtime(300))
    assert found == [f"20 of 100 rows, 200 tokens/s, expected to end at {end}"]


def test_rows_without_tokens_have_no_rate(caplog: pytest.LogCaptureFixture) -> None:
    (line,) = lines(caplog, (60, 50, 0))
    assert line.startswith("50 of 100 rows, expected to end at ")


def test_the_last_row_and_no_row_say_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert lines(caplog, (70, 0, 0), (80, 100, 0)) == []
