"""One training on one node and on two: the same losses."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

from loopback import Cluster
from models import build_models
from running import snakemake
from submitting import checkout, submitted

pytestmark = pytest.mark.cluster

CONFIG = "nodes.yaml"
TOLERANCE = 1e-4
"""Largest difference of losses, as a share: float32 sums in another order."""

RECIPE = {
    "parent": "base",
    "dataset": "all",
    "learning_rate": 1.0e-3,
    "epochs": 8,
    "global_batch_size": 4,
    "per_device_batch_size": 2,
    "max_length": 256,
    "save_steps": 1000,
    "dtype": "float32",
    "gpus": 0,
}


def configure(folder: Path) -> None:
    data = "tests/staleness/data"
    config = {
        "shards": 1,
        "sources": {"questions": {"path": f"{data}/questions.jsonl", "category": "math"}},
        "teachers": {
            "recorded": {"backend": "published", "data": f"{data}/recorded.jsonl", "passes": 4}
        },
        "selection": {"all": {"rule": "all_correct", "teacher": "recorded"}},
        "training": {
            "students": {"base": {"model": "models/base"}},
            "recipes": {"one": RECIPE, "two": {**RECIPE, "nodes": 2}},
        },
    }
    (folder / CONFIG).write_text(yaml.safe_dump(config))


def log_of(folder: Path, recipe: str) -> list[dict[str, str]]:
    path = folder / "results" / "checkpoints" / recipe / "log.csv"
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def test_two_nodes_train_like_one(root: Path, cluster: Cluster, tmp_path: Path) -> None:
    folder = checkout(root, tmp_path / "folder")
    build_models(folder)
    configure(folder)
    inputs = ["results/datasets/all/train.digest.json", "results/models/base.json"]
    made = snakemake(folder, *inputs, config=CONFIG)
    assert made.returncode == 0, made.stdout + made.stderr
    targets = [f"results/checkpoints/{recipe}/checkpoint.json" for recipe in ("one", "two")]
    submitted(folder, *targets, config=CONFIG)
    one, two = (log_of(folder, recipe) for recipe in ("one", "two"))
    assert len(one) == len(two) > 8
    for column in ("loss", "tokens"):
        assert [float(row[column]) for row in two] == pytest.approx(
            [float(row[column]) for row in one], rel=TOLERANCE
        ), column
    spread = cluster.account("AllocNodes,Comment")
    assert ["2", "rule_train_wildcards_two"] in spread
    assert ["1", "rule_train_wildcards_one"] in spread
