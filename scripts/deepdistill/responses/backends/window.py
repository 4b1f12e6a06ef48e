"""Working on many items at the same time, in one thread, as a plain generator."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterable
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

TICK = 1.0
"""Seconds after which a stream comes forward, if only with nothing."""


def windowed(
    runner: asyncio.Runner,
    items: Iterable[Item],
    size: int,
    pause: Callable[[Item], float],
    start: Callable[[Item], Coroutine[Any, Any, Result]],
) -> Generator[list[Result], None, None]:
    """Yield the results of all items as they are finished, every :data:`TICK` seconds at least.

    Up to ``size`` items are worked on at the same time, and begun in their order. ``start`` is
    called when the work on an item begins. Before, ``pause`` says for how many seconds the item has
    to wait: 0 for not at all, infinity for until another one is finished.

    If ``pause``, the work on an item, Ctrl-C or the like raises, what is finished is yielded first
    and work under way is given up.
    """
    waiting = deque(items)
    under_way: set[asyncio.Task[Result]] = set()

    async def advance() -> None:
        seconds = TICK
        while waiting and len(under_way) < size:
            seconds = pause(waiting[0])
            if seconds > 0:
                break
            under_way.add(asyncio.create_task(start(waiting.popleft())))
        seconds = min(seconds, TICK) or TICK
        if under_way:
            await asyncio.wait(under_way, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(seconds)

    try:
        while waiting or under_way:
            try:
                runner.run(advance())
            except BaseException:
                yield _finished(under_way)[0]
                raise
            results, failure = _finished(under_way)
            yield results
            if failure:
                raise failure
    finally:
        runner.run(_give_up(under_way))


def _finished(
    under_way: set[asyncio.Task[Result]],
) -> tuple[list[Result], BaseException | None]:
    """Take out what is finished: the results, and one of the exceptions."""
    done = {task for task in under_way if task.done()}
    under_way -= done
    failures = [error for task in done if (error := task.exception())]
    results = [task.result() for task in done if not task.exception()]
    return results, failures[0] if failures else None


async def _give_up(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
