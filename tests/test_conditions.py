from __future__ import annotations

import pyarrow as pa
import pytest

from deepdistill.conditions import check_condition, columns_of, truth
from deepdistill.errors import InputError

TABLE = pa.table(
    {
        "query_id": ["a", "b", "c"],
        "category": ["math", "math", "code"],
        "pass_rate_weak": pa.array([0.5, 1.0, None]),
        "n_weak": pa.array([4, 4, 0], pa.int32()),
    }
)


@pytest.mark.parametrize(
    ("condition", "columns"),
    [
        ("pass_rate_weak < 1", ("pass_rate_weak",)),
        ("N_WEAK = 0 or n_weak > 3", ("n_weak",)),
        ("'pass_rate_weak' = category -- n_weak", ("category",)),
        ('case when "n_my-7b" > 0 then true end', ("n_my-7b",)),
        ("true", ()),
    ],
)
def test_a_condition_names_columns(condition: str, columns: tuple[str, ...]) -> None:
    assert columns_of(condition) == columns


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("pass_rate_weak <", "syntax error"),
        ("pass_rat_weak < 1", r"unknown column pass_rat_weak \(did you mean pass_rate_weak\?\)"),
        ("avg(n_weak) > 1", "cannot contain aggregates"),
        ("row_number() over () = 1", "cannot contain window"),
        ("(select 1) = n_weak", "more than named columns of one row"),
        ("columns('n_.*') > 1", "more than named columns of one row"),
        ("true); drop table measured; select (true", "Only SELECT"),
        ("n_weak = 'many'", "Could not convert string 'many'"),
        ("true); select 1 where (true", "more than one statement"),
        ("no_such_function(n_weak)", "no_such_function"),
    ],
)
def test_what_is_no_condition_over_a_row_is_refused_in_one_line(
    condition: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        check_condition(condition, TABLE)
    assert "\n" not in str(caught.value)


def test_null_is_neither_true_nor_false() -> None:
    check_condition("pass_rate_weak < 1", TABLE)
    assert truth("only", "pass_rate_weak < 1", TABLE) == {"a": True, "b": False, "c": None}
    assert truth("only", "pass_rate_weak < 1 or n_weak = 0 -- all", TABLE)["c"] is True


def test_a_condition_that_fails_for_a_row_is_named() -> None:
    with pytest.raises(InputError, match=r"config: only: found 'category::INTEGER > 1': Conv"):
        truth("only", "category::INTEGER > 1", TABLE)


def test_nothing_is_true_of_no_rows() -> None:
    assert truth("only", "true", TABLE.slice(0, 0)) == {}
