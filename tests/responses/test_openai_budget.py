"""What responses of a server may cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chat_server import (
    Server,
    failed,
    generate,
)
from deepdistill.errors import InputError


@pytest.mark.parametrize(
    ("budget", "price", "unit"),
    [
        ({"tokens": 2 * 200}, {}, "tokens"),
        ({"money": 2 * 200.0}, {"input": 1e6, "output": 1e6}, "money"),
    ],
)
def test_a_spent_budget_ends_the_job_and_a_higher_one_goes_on(
    server: Server,
    tmp_path: Path,
    budget: dict[str, Any],
    price: dict[str, float],
    unit: str,
) -> None:
    changes = {"shares": 2, "price": price, "concurrency": 3}
    # A row takes 15 tokens and could take 87. Of a share of 200, the eighth leaves 80.
    with pytest.raises(InputError) as caught:
        generate(server, tmp_path, 20, budget=budget, **changes)
    assert str(caught.value) == (
        f"server.budget.{unit}: this job's share is 200 (400 for 2 jobs), of which 120 is spent, "
        "and the next request could cost 87; 12 rows are missing, finished ones are kept: a higher "
        "budget goes on from them"
    )
    assert len(server.asked) == 8
    with pytest.raises(InputError, match=r"120 is spent, .* 12 rows are missing"):
        generate(server, tmp_path, 20, budget=budget, **changes)
    assert len(server.asked) == 8

    more = {name: 1.5 * cap for name, cap in budget.items()}
    with pytest.raises(InputError, match=r"share is 300 .* 225 is spent, .* 5 rows are missing"):
        generate(server, tmp_path, 20, budget=more, **changes)
    enough = {name: 2 * cap for name, cap in budget.items()}
    rows = generate(server, tmp_path, 20, budget=enough, **changes)
    assert [row["answer"] for row in rows] == ["4"] * 20
    assert len(server.asked) == 20


def test_requests_under_way_count_at_the_most_that_they_could_cost(
    server: Server, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="share is 200 "):
        generate(server, tmp_path, 20, budget={"tokens": 200}, shares=1, concurrency=10)
    assert server.most_at_once <= 2
    assert len(server.asked) == 8


def test_a_request_that_the_server_will_not_have_costs_nothing(
    server: Server, tmp_path: Path
) -> None:
    server.answer = lambda asked, headers: failed(400)
    rows = generate(server, tmp_path, 20, budget={"tokens": 90}, shares=1)
    assert {row["finish_reason"] for row in rows} == {"error"}
