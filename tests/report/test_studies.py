"""Studies' numbers, table and plot, from made-up results."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from statistics import fmean
from typing import Any

import pytest

from deepdistill.evaluation.statistics import crossed, estimate
from deepdistill.report import figures
from deepdistill.report.figures import study_plot
from deepdistill.report.missing import Inputs
from deepdistill.report.page import render
from deepdistill.report.studies import Study, read_studies, study_frame, study_table, text

RATES = (3e-5, 1e-3, 0.03)
MEMBERS = {
    f"rate_parent={parent}_learning_rate={rate}_seed={seed}": {
        **{"parent": parent, "learning_rate": rate, "seed": seed}
    }
    for parent in ("base", "instructed")
    for rate in RATES
    for seed in (1, 2, 3)
}


def result(scores: dict[str, float]) -> dict[str, Any]:
    return {"per_question": [{"id": id, "scores": [score]} for id, score in scores.items()]}


def results(members: dict[str, Any], seed: int = 0) -> dict[tuple[str, str], dict[str, Any]]:
    rng = random.Random(seed)
    return {
        ("sums", name): result({f"q{n}": rng.choice([0.0, 1.0]) for n in range(9)})
        for name in members
    }


RESULTS = results(MEMBERS)


@pytest.fixture
def study() -> Study:
    (found,) = read_studies({"rate": MEMBERS, "unmeasured": {"x": {"seed": 1}}}, ["sums"], RESULTS)
    return found


def test_a_row_is_the_mean_over_seeds_and_questions(study: Study) -> None:
    frame = study.frame
    assert study.settings == ["parent", "learning_rate"]
    assert frame[["parent", "learning_rate"]].to_numpy().tolist() == [
        [parent, rate] for parent in ("base", "instructed") for rate in RATES
    ]
    assert set(frame["trainings"]) == {3}
    assert set(frame["questions"]) == {9}
    of = [RESULTS["sums", name] for name in list(MEMBERS)[3:6]]
    table = [[asked["scores"][0] for asked in found["per_question"]] for found in of]
    told = crossed(table)
    row = frame.iloc[1]
    assert (row["mean"], row["low"], row["high"]) == (told.mean, told.low, told.high)
    assert row["mean"] == pytest.approx(fmean(map(fmean, table)))


def test_only_questions_of_all_seeds_count_and_one_seed_has_its_questions_interval() -> None:
    members = {"a1": {"dataset": "a", "seed": 1}, "a2": {"dataset": "a", "seed": 2}}
    members |= {"b1": {"dataset": "b", "seed": 1}, "c1": {"dataset": "c", "seed": 1}}
    measured = {
        ("sums", "a1"): result({"p": 1, "q": 0, "r": 1}),
        ("sums", "a2"): result({"p": 1, "q": 1}),
        ("sums", "b1"): result({"p": 0, "q": 1, "r": 1}),
    }
    frame = study_frame(members, ["sums", "other"], measured)
    assert frame[["dataset", "trainings", "questions"]].to_numpy().tolist() == [
        ["a", 2, 2],
        ["b", 1, 3],
    ]
    alone = estimate([0, 1, 1])
    assert alone.low < 0 < 1 < alone.high  # which no share can be
    assert frame.iloc[1][["mean", "low", "high"]].tolist() == [alone.mean, 0.0, 1.0]


def test_settings_that_are_objects_are_told_apart() -> None:
    members = {n: {"schedule": {"name": n}, "seed": 1} for n in ("wsd", "rex")}
    frame = study_frame(members, ["sums"], results(members))
    assert frame["schedule"].tolist() == ['{"name":"rex"}', '{"name":"wsd"}']


def test_the_order_of_members_does_not_count(study: Study) -> None:
    """The configuration's order is lost on the way: 0.03 comes before 1e-3 as a name."""
    shuffled = dict(random.Random(1).sample(list(MEMBERS.items()), len(MEMBERS)))
    again = study_frame(shuffled, ["sums"], RESULTS)
    assert again["learning_rate"].tolist() == [*RATES, *RATES]
    told = ["parent", "learning_rate", "mean", "trainings"]
    assert again[told].equals(study.frame[told])


def test_the_table_has_the_plots_numbers(study: Study) -> None:
    table = study_table(study, "sums")
    assert [row[:2] for row in table.rows][:3] == [
        ["base", "3e-5"],
        ["base", "1e-3"],
        ["base", "0.03"],
    ]
    mean = study.frame["mean"].iloc[0]
    assert table.rows[0][2] == f"{100 * mean:.1f}"
    assert table.rows[0][4:] == ["3", "9"]


def drawn(study: Study, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The plot's figure."""
    charts = []
    with monkeypatch.context() as patch:
        patch.setattr(figures, "to_plot", lambda chart, *_: charts.append(chart))
        study_plot(study, "sums")
    return charts[0]


def test_accuracy_over_learning_rates_has_a_line_for_each_parent(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart = drawn(study, monkeypatch)
    assert chart.layout.xaxis.type == "log"
    assert [trace.name for trace in chart.data] == ["base", "instructed"]
    first = chart.data[0]
    assert list(first.x) == list(RATES)
    frame = study.frame.iloc[:3]
    assert list(first.y) == pytest.approx([100 * mean for mean in frame["mean"]])
    assert list(first.error_y.array) == pytest.approx(list(100 * (frame["high"] - frame["mean"])))


def test_without_learning_rates_each_setting_has_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    members = {f"{s}{n}": {"dataset": s, "seed": n} for s in ("stage1", "random") for n in (1, 2)}
    (found,) = read_studies({"set": members}, ["sums"], results(members))
    chart = drawn(found, monkeypatch)
    assert chart.layout.xaxis.type == "category"
    assert list(chart.data[0].x) == ["random", "stage1"]
    assert all(math.isfinite(width) for width in chart.data[0].error_y.array)


def test_the_page_shows_studies_where_there_are_some(
    config: dict[str, Any], inputs: Inputs
) -> None:
    assert 'id="studies"' not in render(config, inputs)
    members = {"stage1": {"learning_rate": 1e-3}, "stage2": {"learning_rate": 1e-4}}
    page = render({**config, "studies": {"rates": members}}, inputs)
    assert 'id="studies"' in page
    assert "plot-study-rates-arithmetic" in page
    assert "rates on arithmetic" in page
    # Not measured, not shown.
    assert 'id="studies"' not in render(
        {**config, "studies": {"rates": members}}, replace(inputs, evals=[])
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [(3e-5, "3e-5"), (1e-3, "1e-3"), (0.03, "0.03"), (7, "7"), ("base", "base"), (0.0, "0")],
)
def test_values_are_written_as_in_a_configuration(value: Any, shown: str) -> None:
    assert text(value) == shown
    assert value == "base" or json.loads(text(value)) == value
