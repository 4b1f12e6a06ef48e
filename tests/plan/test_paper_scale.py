"""The plan at the paper's scale against the calculation by hand in docs/deepdistill-40m.md."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepdistill.config import check_config
from deepdistill.plan.cluster import Cluster
from deepdistill.plan.estimate import Estimator
from deepdistill.plan.placement import too_large
from deepdistill.plan.rates import read_rates
from deepdistill.plan.work import Workload

TOLERANCE = 0.1


@pytest.fixture(scope="module")
def config(root: Path) -> dict[str, Any]:
    return check_config(yaml.safe_load((root / "config/deepdistill-40m.yaml").read_text()))


def jobs(config: Mapping[str, Any]) -> list[tuple[str, str, dict[str, str], int]]:
    """The line of the table, rule, wildcards and number of all jobs with a GPU."""
    found = []
    for teacher in config["teachers"]:
        for line, rule in {
            f"responses of {teacher}": "generate_responses",
            "judge": "judge_responses",
            "rewards": "reward_responses",
            "perplexity": "measure_perplexity",
        }.items():
            found.append((line, rule, {"teacher": teacher, "shard": "-"}, config["shards"]))
    found += [(r, "train", {"recipe": r}, 1) for r in config["training"]["recipes"]]
    for model in config["evaluation"]["models"]:
        for benchmark in config["evaluation"]["benchmarks"]:
            found.append(("evaluation", "evaluate", {"model": model, "benchmark": benchmark}, 1))
    return found


@pytest.fixture(scope="module")
def planned(config: dict[str, Any], cluster: Cluster, tmp_path_factory: Any) -> dict[str, float]:
    """GPU-hours by line of the table."""
    rates = read_rates(cluster, tmp_path_factory.mktemp("results"))
    workload, estimator = Workload(config, rates), Estimator(config, cluster, rates)
    hours: dict[str, float] = {}
    for line, rule, wildcards, count in jobs(config):
        estimate = estimator.estimate(workload.of(rule, wildcards), wildcards)
        hours[line] = hours.get(line, 0.0) + estimate.gpu_hours.expected * count
    return hours


@pytest.fixture(scope="module")
def by_hand(root: Path) -> dict[str, float]:
    text = (root / "docs/deepdistill-40m.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w ]+) \|.*\| ([\d,]+) \|$", text, re.MULTILINE)
    return {name: float(hours.replace(",", "")) for name, hours in rows}


def test_every_line_is_within_a_tenth_of_the_calculation_by_hand(
    planned: dict[str, float], by_hand: dict[str, float]
) -> None:
    assert len(by_hand) == 8
    lines = {name: hours for name, hours in by_hand.items() if name != "total"}
    assert by_hand["total"] == pytest.approx(sum(lines.values()), rel=1e-3)
    for name, hours in lines.items():
        assert planned[name] == pytest.approx(hours, rel=TOLERANCE), name
    assert sum(planned.values()) == pytest.approx(by_hand["total"], rel=TOLERANCE)


def test_what_the_calculation_leaves_out_is_little(
    planned: dict[str, float], by_hand: dict[str, float]
) -> None:
    assert sum(planned.values()) < 1.04 * by_hand["total"]


def test_every_model_fits_its_gpus(config: dict[str, Any], cluster: Cluster) -> None:
    assert list(too_large(config, cluster)) == []
    config = {**config, "teachers": {**config["teachers"]}}
    config["teachers"]["r1"] = {**config["teachers"]["r1"], "gpus": 4}
    (line,) = too_large(config, cluster)
    assert line == ("teachers.r1: deepseek-ai/DeepSeek-R1 needs about 805 GB, 4 × h200 have 564 GB")


def test_a_training_that_nothing_shares_out_does_not_fit(
    config: dict[str, Any], cluster: Cluster
) -> None:
    training = copy.deepcopy(config["training"])
    training["recipes"]["stage1"] |= {"zero": 0}
    (line,) = too_large({**config, "training": training}, cluster)
    assert line == (
        "training.recipes.stage1: Qwen/Qwen2.5-32B needs about 16,384 GB, 32 × h100 have 2,560 GB"
    )
    training["recipes"]["stage1"] |= {"zero": 2, "offload": True, "gpus": 8, "nodes": 1}
    (line,) = too_large({**config, "training": training}, cluster)
    assert line == (
        "training.recipes.stage1: Qwen/Qwen2.5-32B needs about 1,888 GB of a node's own memory, "
        "the largest has 1,049 GB"
    )
