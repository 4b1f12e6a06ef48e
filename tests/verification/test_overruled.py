"""Where rule and judge disagree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from count_overruled import main
from deepdistill.files import read_json
from deepdistill.schemas import CHECKS, JUDGEMENTS, SHARD
from deepdistill.tables import from_rows, write_artifact
from deepdistill.verification.overruled import count_overruled

THRESHOLDS = {"math": 0.99, "science": 4.99}
SHARDS = ("00000-of-00002", "00001-of-00002")


def write(folder: Path) -> None:
    """Maths by rule and judge, science by the judge alone; in two shards."""
    answers: list[tuple[str, float | None, float | None]] = [
        ("math", 1.0, None),  # the rule passed it, so nobody asked the judge
        ("math", 1.0, None),
        ("math", 0.0, 1.0),  # overruled
        ("math", 0.0, 0.0),
        ("math", 0.0, None),  # the judge's reply held no score, or it was not asked
        ("math", None, 1.0),  # the rule could not say
        ("science", None, 5.0),
    ]
    for shard in SHARDS:
        queries, checks, judgements = [], [], []
        for i, (category, rule, judge) in enumerate(answers):
            key: dict[str, Any] = {"query_id": f"{i:032x}", "pass": 1}
            queries.append({"query_id": key["query_id"], "category": category})
            checks.append({**key, "score": rule})
            if judge is not None or rule == 0:
                judgements.append({**key, "score": judge})
        for name, artifact, rows in (
            ("queries", SHARD, queries),
            ("checks/r1", CHECKS, checks),
            ("judgements/r1", JUDGEMENTS, judgements),
        ):
            write_artifact(folder / name / f"{shard}.parquet", artifact, from_rows(artifact, rows))


def test_only_what_both_scored_counts(tmp_path: Path) -> None:
    write(tmp_path)
    paths = [
        [tmp_path / name / f"{shard}.parquet" for shard in SHARDS]
        for name in ("queries", "checks/r1", "judgements/r1")
    ]
    expected = {"math": {"passed": 4, "asked": 4, "overruled": 2}}
    assert count_overruled(*paths, THRESHOLDS) == expected


def test_the_script_counts_each_teacher(tmp_path: Path) -> None:
    write(tmp_path)
    options = {"queries": "queries", "checks": "checks", "judgements": "judgements"}
    words = [w for name, folder in options.items() for w in (f"--{name}", str(tmp_path / folder))]
    config = json.dumps({"teachers": ["r1"], "thresholds": THRESHOLDS})
    output = tmp_path / "overruled.json"
    main([*words, "--shards", "2", "--config", config, "--output", str(output)])
    assert read_json(output)["r1"]["math"]["overruled"] == 2
