"""The report's table of what is expected to be the verifier's noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from deepdistill.errors import InputError
from deepdistill.files import write_json
from deepdistill.report.noise import noise_table, query_counts, read_rates
from deepdistill.report.page import Inputs, render

LABELS = ("0", ".25", ".5", ".75", "1")


def frame(*counts: tuple[str, int, int, int]) -> pd.DataFrame:
    """A row for each query; ``counts`` are category, passes that count, passed, queries."""
    rows = [
        {"category": category, "n_r1": n, "passed_r1": passed}
        for category, n, passed, queries in counts
        for _ in range(queries)
    ]
    return pd.DataFrame(rows)


def test_a_row_says_what_is_expected_and_what_is_there() -> None:
    queries = frame(("math", 4, 4, 3), ("math", 4, 3, 20), ("math", 4, 0, 4), ("code", 4, 4, 5))
    assert query_counts(queries, "r1", "math") == {(4, 4): 3, (4, 3): 20, (4, 0): 4}
    rates = read_rates({"math": 0.5, "science": 0.1}, ["r1"], None)
    table = noise_table(queries, ["r1"], rates, LABELS)
    assert table is not None
    (row,) = table.rows
    assert row[:4] == ["r1", "math", "50.0\N{NARROW NO-BREAK SPACE}%", "3"]
    assert row[4].startswith("45 (")
    # More than there are: such a rate does not go with these verdicts.
    assert row[6:] == ["3 of 4", "12 of 0", "18 of 0", "12 of 20"]


def test_a_rate_is_estimated_from_what_the_judge_overruled(tmp_path: Path) -> None:
    counts = {
        "r1": {"math": {"passed": 95, "asked": 40, "overruled": 5}},
        "silent": {"math": {"passed": 95, "asked": 0, "overruled": 0}},
    }
    write_json(tmp_path / "overruled.json", counts)
    rates = read_rates({"math": "estimated"}, ["r1", "r2", "silent"], tmp_path / "overruled.json")
    assert rates["r1"]["math"].value == 0.05
    assert set(rates) == {"r1"}
    table = noise_table(frame(("math", 4, 4, 1000)), ["r1"], rates, LABELS)
    assert table is not None
    assert table.rows[0][2].startswith("5.0\N{NARROW NO-BREAK SPACE}% (")
    with pytest.raises(InputError, match="--overruled: missing"):
        read_rates({"math": "estimated"}, ["r1"], None)


def test_the_page_has_the_table_where_there_are_rates(
    config: dict[str, Any], inputs: Inputs, html: str, tmp_path: Path
) -> None:
    caption = "Always-solved queries that are seen as harder, expected"
    assert caption not in html
    assert caption in render({**config, "false_negatives": {"math": 0.05}}, inputs)
    teachers = {name: {"math": {"passed": 9, "asked": 2, "overruled": 1}} for name in ["weak"]}
    write_json(tmp_path / "overruled.json", teachers)
    estimated = {**config, "false_negatives": {"math": "estimated"}}
    page = render(estimated, replace(inputs, overruled=tmp_path / "overruled.json"))
    assert "10.0\N{NARROW NO-BREAK SPACE}% (" in page
    assert "the judge finds at least half" in page
