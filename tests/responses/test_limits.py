"""Pace and purse: what a minute, and a budget, has room for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdistill.responses.backends.backend import Request
from deepdistill.responses.backends.pace import Pace
from deepdistill.responses.backends.purse import Purse, Tokens


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(
    st.integers(1, 1000),
    st.lists(st.tuples(st.floats(0, 30), st.integers(1, 300)), min_size=1, max_size=40),
)
def test_no_minute_has_more_than_its_limit_and_what_was_begun_last(
    limit: int, uses: list[tuple[float, int]]
) -> None:
    clock = Clock()
    pace = Pace(limit, clock)
    begun: list[tuple[float, int]] = []
    for idle, units in uses:
        clock.now += idle
        clock.now += pace.wait()
        pace.use(units)
        begun.append((clock.now, units))
    for number, (start, _) in enumerate(begun):
        minute = [units for at, units in begun[number:] if at <= start + 60 - 1e-6]
        assert sum(minute[:-1]) <= limit + 1e-6


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 500)), min_size=1, max_size=40))
def test_with_estimates_put_right_the_limit_is_kept_in_the_mean(
    uses: list[tuple[int, int]],
) -> None:
    clock = Clock()
    pace, started = Pace(60, clock), clock.now
    for expected, used in uses:
        clock.now += pace.wait()
        pace.use(expected)
        pace.use(used - expected)
    clock.now += pace.wait()
    assert clock.now - started >= sum(used for _, used in uses) - 1e-6


def test_time_that_passed_unused_is_not_given_back() -> None:
    clock = Clock()
    pace = Pace(60, clock)
    pace.use(10)
    clock.now += 100
    pace.use(-10)
    pace.use(1)
    assert pace.wait() == pytest.approx(1)


def test_without_a_limit_nothing_waits() -> None:
    pace = Pace(None)
    pace.use(10**9)
    assert pace.wait() == 0


def request(text: str) -> Request:
    return Request(text, 1, [{"role": "user", "content": text}], "key", 1)


def purse(shares: int = 1, **server: Any) -> Purse:
    return Purse({"max_tokens": 100, "server": server, "shares": shares})


BUDGETS = st.fixed_dictionaries(
    {
        "tokens": st.none() | st.integers(1, 5000),
        "money": st.none() | st.floats(0.001, 5000),
    }
)
PRICES = st.fixed_dictionaries(
    {"input": st.floats(0, 5e6), "output": st.floats(0, 5e6)},
)
RESPONSES = st.lists(st.tuples(st.integers(1, 64), st.integers(0, 100)), max_size=60)


@given(BUDGETS, PRICES, RESPONSES, st.integers(1, 5), st.integers(1, 4))
def test_what_is_spent_never_exceeds_the_share(
    budget: dict[str, Any],
    price: dict[str, float],
    responses: list[tuple[int, int]],
    size: int,
    shares: int,
) -> None:
    held = purse(shares, budget=budget, price=price)
    under_way: list[tuple[Request, int, int]] = []
    spent = Tokens(0, 0)
    asked = [(request("1+1"), *tokens) for tokens in responses]
    while asked or under_way:
        if asked and len(under_way) < size and not held.lacks(asked[0][0]):
            held.put_aside(asked[0][0])
            under_way.append(asked.pop(0))
        elif under_way:
            wanted, *tokens = under_way.pop()
            held.take_back(wanted)
            spent = spent.plus(held.pay(wanted, *tokens))
        else:
            break
    assert not held.waits
    money = (spent.prompt * price["input"] + spent.response * price["output"]) / 1e6
    assert budget["tokens"] is None or sum(spent) <= budget["tokens"] / shares
    assert budget["money"] is None or money <= budget["money"] / shares * (1 + 1e-9)


@given(st.text(max_size=50))
def test_a_prompt_counts_as_having_a_token_for_each_byte(text: str) -> None:
    assert purse().worst(request(text)).prompt >= len(text.encode())


def test_unknown_counts_are_taken_for_the_most() -> None:
    held = purse(budget={"tokens": 300})
    wanted = request("1+1")
    assert held.pay(wanted, 10, None) == (10, 100)
    assert held.lacks(wanted) is None
    assert held.pay(wanted, None, None) == held.worst(wanted) == (67, 100)
    cap = held.lacks(wanted)
    assert cap
    assert cap.name == "tokens"


def test_without_a_budget_there_is_enough_for_everything() -> None:
    held = Purse({"max_tokens": 10**9})
    assert held.lacks(request("1+1")) is None
