from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepdistill.config import check_config
from deepdistill.files import write_json
from deepdistill.plan import cells
from deepdistill.plan.asked import asked_share
from deepdistill.plan.build import build_plan
from deepdistill.plan.cluster import Cluster
from deepdistill.plan.rates import Rates, add
from deepdistill.plan.saved import saved
from deepdistill.plan.session import Session
from deepdistill.plan.work import Workload

RATES = Rates({"solved.math": {"value": [0.1, 0.2, 0.0, 0.2, 0.5]}})


@pytest.mark.parametrize(
    ("only", "teachers", "share"),
    [
        ("pass_rate_small < 1", ["small"], 0.5),
        ("pass_rate_small = 0", ["small"], 0.1),
        ("cv_small > 0.05", ["small"], 0.4),
        ("pass_rate_small < 1 and pass_rate_large > 0", ["small", "large"], 0.5 * 0.9),
        ("category = 'code' or n_small < 4", ["small"], 0.0),
        ("category = 'math'", [], 1.0),
    ],
)
def test_the_condition_is_asked_of_every_way_to_solve_a_query(
    only: str, teachers: list[str], share: float
) -> None:
    assert asked_share(only, teachers, 0, "math", RATES) == pytest.approx(share)


def test_without_a_prior_all_are_asked() -> None:
    assert asked_share("pass_rate_small < 1", ["small"], 0, "science", RATES) == 1


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.01, 1), min_size=5, max_size=5))
def test_a_condition_and_its_opposite_share_all_queries(solved: list[float]) -> None:
    rates = Rates({"solved": {"value": solved}})
    shares = [
        asked_share(f"{word} (pass_rate_small < 0.6)", ["small"], 0, "math", rates)
        for word in ("", "not")
    ]
    assert sum(shares) == pytest.approx(1)


def teacher(name: str, **settings: Any) -> dict[str, Any]:
    model = {"backend": "vllm", "model": f"org/{name}-8B", "revision": "main"}
    return {**model, "passes": 4, "max_tokens": 1000, **settings}


@pytest.fixture
def config(tmp_path: Path, root: Path) -> dict[str, Any]:
    return check_config(
        {
            "shards": 2,
            "cluster": str(root / "config/cluster.yaml"),
            "pathvars": {"results": str(tmp_path / "results")},
            "sources": {"a": {"path": "a", "category": "math", "rows": 1000}},
            "teachers": {
                "small": teacher("Small"),
                "large": teacher("Large", only="pass_rate_small < 1"),
                "more": teacher("More", passes={"min": 2, "max": 6, "until": "n > 2"}),
            },
        }
    )


def test_only_saves_what_it_leaves_out_and_adaptive_passes_what_they_need_not(
    config: dict[str, Any],
) -> None:
    plan = build_plan(Session(config), [])
    large, more = saved(plan)
    assert (large["teacher"], large["by"], large["measured"]) == ("large", ["only"], False)
    # By the priors R1 always solves 82.7 % of the maths queries.
    assert large["share"] == pytest.approx(0.827)
    assert large["responses"] == pytest.approx(0.827 * 4000)
    # 1,000 tokens at most, at 6,400 a second of one GPU.
    assert large["gpu_hours"] == pytest.approx(0.827 * 4000 * 1000 / 6400 / 3600, rel=1e-6)
    assert large["money"] == pytest.approx(large["gpu_hours"] * 2.5)
    assert (more["teacher"], more["by"]) == ("more", ["passes"])
    assert more["responses"] == pytest.approx(6000 - 4000)
    line = "large by only: 3,308 responses (83%), 0.14 GPU-h, 0.36 USD, not measured yet"
    assert cells.saved(large, "USD") == line


def test_rows_that_are_there_count_as_they_are(config: dict[str, Any]) -> None:
    results = Path(config["pathvars"]["results"])
    for shard in ("00000-of-00002", "00001-of-00002"):
        write_json(results / "queries/shards" / f"{shard}.digest.json", {"rows": 100})
        write_json(results / "responses/large" / f"{shard}.digest.json", {"rows": 100})
    large, _ = saved(build_plan(Session(config), []))
    assert large["responses"] == 800 - 200
    assert large["share"] == pytest.approx(0.75)


def test_a_measured_share_goes_before_the_prior(config: dict[str, Any], cluster: Cluster) -> None:
    sums: dict[str, dict[str, float]] = {}
    add(sums, "asked_share.large", 30, 100)
    workload = Workload(config, Rates(cluster.settings["rates"], sums))
    assert workload.responses("large") == {"math": pytest.approx(0.3 * 4000)}
    assert workload.responses("small") == {"math": 4000}
