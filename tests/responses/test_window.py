from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from deepdistill.responses.backends import window
from deepdistill.responses.backends.window import windowed

Start = Callable[[int], Coroutine[Any, Any, int]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "TICK", 0.02)


@contextmanager
def stream(
    number: int, size: int, start: Start, pause: Callable[[int], float] = lambda item: 0
) -> Iterator[Iterator[list[int]]]:
    with asyncio.Runner() as runner:
        yield windowed(runner, range(number), size, pause, start)


def test_all_items_are_worked_on_and_no_more_than_the_window_at_the_same_time() -> None:
    under_way: set[int] = set()
    most = 0

    async def work(item: int) -> int:
        nonlocal most
        under_way.add(item)
        most = max(most, len(under_way))
        await asyncio.sleep(0.001 * (item % 3))
        under_way.remove(item)
        return item

    with stream(100, 7, work) as results:
        assert sorted(item for some in results for item in some) == [*range(100)]
    assert most == 7


def test_no_more_tasks_exist_than_the_window_has_room_for() -> None:
    tasks = set()

    async def work(item: int) -> int:
        tasks.add(len(asyncio.all_tasks()))
        return item

    with stream(200, 5, work) as results:
        assert len([item for some in results for item in some]) == 200
    assert max(tasks) <= 5 + 1  # and the one that waits for them


def test_the_stream_comes_forward_while_nothing_is_finished() -> None:
    done = asyncio.Event()

    async def work(item: int) -> int:
        await done.wait()
        return item

    with stream(1, 1, work) as results:
        assert [next(results) for _ in range(3)] == [[], [], []]
        done.set()
        assert [item for some in results for item in some] == [0]


def test_what_is_finished_comes_before_the_exception_of_another() -> None:
    given_up = []

    async def work(item: int) -> int:
        if item == 1:
            raise ValueError("item 1")
        try:
            await asyncio.sleep(0 if item == 0 else 60)
        except asyncio.CancelledError:
            given_up.append(item)
            raise
        return item

    with stream(3, 3, work) as results:
        found = next(results)
        with pytest.raises(ValueError, match="item 1"):
            found += [item for some in results for item in some]
    assert found == [0]
    assert given_up == [2]


def test_what_is_finished_comes_before_ctrl_c() -> None:
    async def work(item: int) -> int:
        if item == 3:
            raise KeyboardInterrupt
        return item

    with stream(10, 4, work) as results:
        assert sorted(next(results)) == [0, 1, 2]
        with pytest.raises(KeyboardInterrupt):
            next(results)


def test_work_under_way_is_given_up_when_nobody_wants_the_rest() -> None:
    given_up = []

    async def work(item: int) -> int:
        try:
            await asyncio.sleep(60)
        finally:
            given_up.append(item)
        return item

    with stream(5, 2, work) as results:
        assert next(results) == []
        results.close()  # type: ignore[attr-defined]
    assert sorted(given_up) == [0, 1]


def test_an_item_waits_until_another_is_finished() -> None:
    under_way: set[int] = set()
    most = 0

    async def work(item: int) -> int:
        await asyncio.sleep(0.001)
        under_way.remove(item)
        return item

    def start(item: int) -> Coroutine[Any, Any, int]:
        nonlocal most
        under_way.add(item)
        most = max(most, len(under_way))
        return work(item)

    with stream(5, 3, start, lambda item: math.inf if under_way else 0.0) as results:
        assert [item for some in results for item in some] == [0, 1, 2, 3, 4]
    assert most == 1


def test_an_item_waits_for_as_long_as_it_must() -> None:
    pauses = iter([0.0, 0.03, 0.01, 0.0, 0.0])
    asked: list[int] = []

    def pause(item: int) -> float:
        asked.append(item)
        return next(pauses)

    async def work(item: int) -> int:
        return item

    with stream(3, 3, work, pause) as results:
        assert sorted(item for some in results for item in some) == [0, 1, 2]
    assert asked == [0, 1, 1, 1, 2]
